"""Every DynamoDB and S3 key, with who reads it and what it costs. One table (`pk`, `sk`, TTL in `ttl`), no index, no Scan.

    pk                       sk                        item
    PN#<project>             P                         project by name: project_id, is_public, metadata
    PI#<project id>          N                         project's name
    PD                       <project id>              project that was removed: its members and robots are still to go
    MB#<project id>          <member id>               key of the member's row in the list `members#<project id>`
    U#<user or robot>        U                         user or robot: password hash, rights that are its own
    U#<user>                 G#<project>               grant: project_id, role
    U#<user>                 L#<client address>        failed logins, ends by TTL
    U#<user>                 E#<session id>            a session that was logged out of, ends by TTL
    L#<client address>       L                         the same of all users; a failed login writes both, up to their limits
    UI#<user id>, UM#<email>, RI#<robot id>   N        the user's or robot's name
    US#<sha256 of issuer and subject>         N        the name of a user of an OpenID provider
    GI#<group id>            G                         group: name, type, LDAP DN
    GN#<type>#<name or DN>   N                         the group's id: one group a name
    GR#<group id>            G#<project>               grant of a group
    RN#<role id>             R                         custom role: name, permissions
    CA                       CA                        CVE allowlist of the registry
    CF                       CF                        configuration: what an administrator changed
    I#<counter>              I                         number allocator (ids of projects, users, robots, ...)
    TP#<project id>          <policy id>               trust policy of a project (keyless CI)
                             V                         version of the set, which every change of it moves
    LA#<label id>            LA                        label
    LN#<project id>#<name>   N                         the label's id: one label a name (project 0: the registry's)
    X#<list>                 <key>                     a list's rows in its order: projects, users, robots, groups, labels, ...
    N#<list>                 <shard>                   how many rows a list has, in sixteen counters
    C                        <project>/<repository>    catalog: one small item a repository
    Q#<project id>           <shard>                   quota: bytes used here, room left here
                             L                         quota: the limit
    R#<project id>#<repo>    M                         repository: description, when it was made
                             I#<time>#<digest>         row of an artifact in the repository's list (Harbor's), 150 bytes
                             J#<time>#<digest>         the same of one that is not listed: accessory, untagged child of an index
                             A#<digest>                manifest; bytes up to 64 KiB inline, above in S3 only
                             T#<tag>                   tag -> digest (current pointer)
                             D#<digest>#<tag>          the same, from the manifest's side
                             H#<tag>#<time>            tag history, append-only
                             X#<digest>#<time>         manifest deletion, append-only: ends the history of its tags
                             F#<subject>#<digest>      referrer's descriptor
                             B#<digest>                link: the repository may serve this blob
                             E#<part>#<digest>         edge: the manifest `digest` needs this blob or manifest
                             LB#<digest>               labels of an artifact
                             S                         statistics: how often pulled, when last
                             V#<digest>[#<tag>]        when an artifact, a tag was last pulled
    W#<0..3>                 <project id>#<repo>#<d>   journal: a deleted manifest whose blobs are to be released
    PB#<project id>#<digest> B                         blob in a project: how many of its repositories link it
    B#<digest>               B                         blob of the registry: S3 key, size
    AU#<log>#<shard>         <time>#<process>          audit row; a log is `*` (the registry) or a project id; ends by TTL
    AC#<log>                 <hour>#<process>          how many rows a process wrote in an hour
                             <hour>                    how many rows an hour has, once it is over and was counted
    AW                       <hour>#<log>              an hour of a log that must be counted again: rows were deleted from it
    AP                       S, E#<execution id>       schedule and executions of the purge
    AM#<log>                 <hour>                    the sort keys of every so many rows of a busy hour
    S#<upload id>            S                         upload session, ends by TTL; closed ones stay as a mark
                             P#<first part>            ETags of the parts one request uploaded

Access patterns (reads: strongly consistent unless said)
    token                    1 BatchGet: user or robot, failed logins, the asked projects, the user's grants;
                             1 more for a user with groups: the groups' grants; 1 more for custom roles not known here
    login by email           the BatchGet of a token, which finds nobody, Get UM#, and two BatchGets more: failures, user
    user                     by id: Get UI#, Get U#; new: 1 write for the id, Query G#, 1 transaction; changed: 1 write; removed:
                             2 Query G#, 1 write a grant, 1 transaction
    session                  1 BatchGet of the user, Get E#; logging out: 1 write
    configuration            Get CF, at most once in 30 s and process; a change: 1 more Get and 1 conditional write
    project                  new: Get U# (the creator), 2 ids, 1 transaction of 21 to 27 actions; changed: Get PN#, 1 transaction;
                             removed: Get PN#, 1 transaction of 40 actions, then 2 writes a member and robot
    page of projects         2 Queries as above + Get PN#s, BatchGet of counters per six, BatchGet of the caller's grants; who has
                             projects of their own: Query G# and 1 BatchGet more, public rows up to the page 1 call per MB
    member                   page: 2 Queries; by id: Get MB#, Get row; new: 1 id, 1 transaction; change, removal: 1 transaction
    robot                    by id: Get RI#, Get U#; page: 2 Queries, 1 BatchGet of U#, 1 of the projects named; new: 1 BatchGet
                             of projects, 1 id, 1 transaction; change, removal: 1 transaction
    quota                    Query Q#; page: 2 Queries, 1 BatchGet per five projects, 1 of PN#; sorted: that for all (1,000)
    custom role              page: Query rows, 1 BatchGet; new: 1 id, 1 transaction; removed: 1 transaction of 19 actions
    token of a CI job        1 BatchGet: the asked projects; 1 Query: the trust policies of one
    page of a list           1 Query of counters + 1 Query of rows from the nearer end + 1 BatchGet of what the rows stand for
    filtered, sorted list    1 Query of rows per MB (about 6,000 rows), then the same BatchGet
    page of repositories     2 Queries as above + 1 BatchGet per five: M, S and counters of artifacts
    page of artifacts        2 Queries as above, BatchGets of A# and LB# (50 a call), pulls, labels and links to configs; for each
                             artifact, eight at a time, Query D#, V# (was it ever pulled) and F#, and a GET of a config not
                             read before: 26 to 36 for ten
    copy of an artifact      per manifest 2 Gets and 2 BatchGets, 1 transaction and as many as blobs the target lacks
    pull by tag              Get T#, Get A#; warm (manifest known): Get T#
    pull by digest           Get A#
    blob GET, HEAD           Get B# link; a warm GET: nothing (bound: `Blobs.KEEP_S`)
    manifest PUT             1 BatchGet (per 100): links, children, tags, A#, M, N# shard; 1 transaction; 1 S3 PUT;
                             1 transaction more per 100 blobs beyond 50, per 28 children of an index beyond 20
    upload                   POST nothing; PATCH Query S# + 1 write; PUT Query S# + 1 write + 1 transaction (the blob);
                             1 write more when a later request adds parts
    mount                    1 Get + 1 transaction
    quota                    charged and given back in transactions that happen anyway; a shard without room: Query Q# (17 small
                             items) and the transaction again; usage: Query Q#; a new limit: Query Q# + 1 transaction
    tag list                 Query T# after the last tag, limit n (one page, whatever the repository holds)
    referrers                Query F#<subject># after the last digest, limit n
    catalog                  Query C after the last name + 1 BatchGet of the projects seen
    total of a list          Query N#, 16 small items; a change is one more action of the transaction that makes it
    audit row                1 BatchWrite: row, its copy in the project's log, a number for each; beside the request, not in it
    page of an audit log     Query AC# (a number an hour), Query of each of 4 shards; deep in a busy hour Get AM#: 5 or 6
    audit hour, counted      Query of each shard per MB, 1 BatchWrite per 25 processes; once, when it is over
    audit purge              Query of each shard per MB and hour, 1 BatchWrite per 25 rows, the hour counted again
    audit log, filtered      Query of each shard per MB, newest first, until 20,000 rows were seen
    delete a tag             Get T#, 1 transaction
    delete a manifest        BatchGet A# and M, 1 transaction, Query D#, 49 tags a transaction: 24 calls for 1,000 tags;
                             with at most 50 tags also: who needs each blob (Query E#, batch A#), 2 transactions per 28 released
    remove a repository      2 transactions; manifests 2 calls per 17, tags 1 per 33, needs 1 per 60, blobs 4 per 28, the rest 1
                             per 99; of each kind 1 to 6 more per 500
    releases, hourly         Query W# of 4 partitions; each entry costs what its deletion did not do

Partitions: a repository's items share one, which DynamoDB splits by heat (no local index hinders it). Writes to `C`
happen once in a repository's life. What all pushes of a project or a repository write (Q#, N#) is in 16 items, chosen by digest.
Blobs, uploads and users have partitions of their own.

    S3
    manifests/<project>/<repository>/<algorithm>/<hex>    manifest bytes; its ObjectCreated event starts a scan
    blobs/<upload id>/<nonce>                             blob bytes, never copied, never overwritten (the nonce is per attempt)
    uploads/<upload id>/<nonce>                           bytes of an upload that wait for more; a lifecycle rule expires them
    scan-out/<project>/<repository>/<algorithm>/<hex>.json  what a scan worker found out
"""

from __future__ import annotations

import hashlib

PROJECT, USER, BLOB, REPOSITORY, SESSION, COUNTER = "P", "U", "B", "M", "S", "I"
NAME, GROUP, ROLE, FAILURES = "N", "G", "R", "L"
CATALOG, DEPARTED = "C", "PD"
PROJECTS, PUBLIC_PROJECTS, ROLES = "projects", "projects#public", "roles"
"""Lists."""
LABEL = "LA"
CONFIGURATION, ALLOWLIST = "CF", "CA"
AUDIT_WORK, AUDIT_PURGE, SCHEDULE = "AW", "AP", "S"
LIMIT, STATISTICS = "L", "S"
SHOWN, HIDDEN, EDGES, MANIFESTS, TAGS, LINKS = "I#", "J#", "E#", "A#", "T#", "B#"
TRACES = ("D#", "F#", "H#", "X#", "LB#", "V#")
"""What a removed repository leaves beside manifests, tags, blobs and edges."""
REPOSITORIES = "repositories"
"""List of all repositories; with a project's id those of the project."""


def repositories(project_id: int) -> str:
    """List of a project's repositories, for its total."""
    return f"{REPOSITORIES}#{project_id}"


def artifacts(project_id: int, name: str) -> str:
    """List of a repository's artifacts, for its total."""
    return f"artifacts#{project_id}#{name}"


def project(name: str) -> str:
    """Partition of a project's name."""
    return f"PN#{name}"


def user(name: str) -> str:
    """Partition of a user: the record, the grants, the failed logins."""
    return f"U#{name}"


def grant(project_name: str) -> str:
    """Sort key of a user's or group's grant on a project."""
    return f"G#{project_name}"


def project_id(number: int) -> str:
    """Partition that leads from a project's id to its name."""
    return f"PI#{number}"


def members(project_id: int) -> str:
    """List of a project's members, by name."""
    return f"members#{project_id}"


def robots(project_id: int) -> str:
    """List of a project's robots by name; 0: the system's."""
    return f"robots#{project_id}"


def member_ids(project_id: int) -> str:
    """Partition that leads from members' ids to their rows."""
    return f"MB#{project_id}"


def number(value: int) -> str:
    """Sort key of something that is found by a number; padded, so that they sort by it."""
    return f"{value:016d}"


def user_id(number: int) -> str:
    """Partition that leads from a user's id to the name."""
    return f"UI#{number}"


def email(address: str) -> str:
    """Partition that leads from an email address to the one user who has it."""
    return f"UM#{address.lower()}"


def subject(name: str) -> str:
    """Partition that leads from what an OpenID provider calls somebody to the user's name; hashed, since it may be long."""
    return f"US#{hashlib.sha256(name.encode()).hexdigest()}"


def robot_id(number: int) -> str:
    """Partition that leads from a robot's id to its name."""
    return f"RI#{number}"


def group(number: int) -> str:
    """Partition of a group."""
    return f"GI#{number}"


def group_name(group_type: int, name: str) -> str:
    """Partition that leads from a group's name (or DN, in lower case) to its id."""
    return f"GN#{group_type}#{name}"


def group_grants(number: int) -> str:
    """Partition of a group's grants."""
    return f"GR#{number}"


def role(key: str) -> str:
    """Partition of a custom role; the key is its id as text."""
    return f"RN#{key}"


def role_uses(key: str) -> str:
    """List of a custom role's members, for its total."""
    return f"role#{key}"


def label(number: int) -> str:
    """Partition of a label."""
    return f"LA#{number}"


def label_name(project_id: int, name: str) -> str:
    """Partition that leads from a label's name to its id."""
    return f"LN#{project_id}#{name}"


def rows(list_name: str) -> str:
    """Partition of a list's rows."""
    return f"X#{list_name}"


def ended_session(session_id: str) -> str:
    """Sort key of a session that its user logged out of."""
    return f"E#{session_id}"


def failures(client_ip: str) -> str:
    """Sort key of a user's failed logins from one address, and partition of all failed logins from it."""
    return f"L#{client_ip}"


TRUST_VERSION = "V"


def trust(project_id: int) -> str:
    """Partition of a project's trust policies."""
    return f"TP#{project_id}"


def trust_policy(policy_id: int) -> str:
    """Sort key of a trust policy; padded, so that they sort by id."""
    return f"{policy_id:016d}"


def counter(name: str) -> str:
    """Partition of a number allocator."""
    return f"I#{name}"


def total(list_name: str) -> str:
    """Partition of a list's total."""
    return f"N#{list_name}"


def shard(number: int) -> str:
    """Sort key of one part of a number that many write at a time."""
    return f"{number:02d}"


def repository(project_id: int, name: str) -> str:
    """Partition of a repository; `name` is without the project."""
    return f"R#{project_id}#{name}"


def quota(project_id: int) -> str:
    """Partition of a project's quota."""
    return f"Q#{project_id}"


def shown(pushed_us: int, digest: str) -> str:
    """Sort key of an artifact's row in its repository's list; rows sort by time."""
    return f"{SHOWN}{pushed_us:020d}#{digest}"


def hidden(pushed_us: int, digest: str) -> str:
    """Sort key of the row of an artifact that is not listed."""
    return f"{HIDDEN}{pushed_us:020d}#{digest}"


def edge(part: str, digest: str = "") -> str:
    """Sort key of a manifest's need for a blob or manifest; without a digest the prefix of all that need it."""
    return f"E#{part}#{digest}"


def labels(digest: str = "") -> str:
    """Sort key of an artifact's labels; without a digest the prefix of all in the repository."""
    return f"LB#{digest}"


def pulled(digest: str, tag_name: str | None = None) -> str:
    """Sort key of when an artifact, or one of its tags, was last pulled. The first is a prefix of the others."""
    return f"V#{digest}" if tag_name is None else f"V#{digest}#{tag_name}"


def journal(shard_number: int) -> str:
    """Partition of a part of the journal of releases."""
    return f"W#{shard_number}"


def journal_entry(project_id: int, name: str, digest: str) -> str:
    """Sort key of a deleted manifest's entry in the journal."""
    return f"{project_id}#{name}#{digest}"


def manifest(digest: str) -> str:
    """Sort key of a manifest."""
    return f"A#{digest}"


def tag(name: str) -> str:
    """Sort key of a tag."""
    return f"T#{name}"


def tag_of(digest: str, name: str = "") -> str:
    """Sort key of a tag seen from its manifest; without a name the prefix of all of them."""
    return f"D#{digest}#{name}"


def history(name: str, at_us: int) -> str:
    """Sort key of a tag's history row; `at_us` is microseconds, padded so that rows sort by time."""
    return f"H#{name}#{at_us:020d}"


def deletion(digest: str, at_us: int) -> str:
    """Sort key of the mark a deleted manifest leaves."""
    return f"X#{digest}#{at_us:020d}"


def referrer(subject: str, digest: str = "") -> str:
    """Sort key of a referrer; without a digest the prefix of all referrers of the subject."""
    return f"F#{subject}#{digest}"


def link(digest: str) -> str:
    """Sort key of a blob link in a repository."""
    return f"B#{digest}"


def project_blob(project_id: int, digest: str) -> str:
    """Partition of a blob within a project."""
    return f"PB#{project_id}#{digest}"


def blob(digest: str) -> str:
    """Partition of a blob of the registry."""
    return f"B#{digest}"


def audit_rows(log: str, shard_: int) -> str:
    """Partition of a part of an audit log's rows."""
    return f"AU#{log}#{shard_}"


def audit_row(at_us: int, process: str) -> str:
    """Sort key of an audit row; see `notify.hours.key_of`."""
    return f"{at_us:020d}#{process}"


def audit_counts(log: str) -> str:
    """Partition of the numbers of an audit log's rows."""
    return f"AC#{log}"


def audit_count(hour: str, process: str) -> str:
    """Sort key of the number of rows that a process wrote in an hour (`2026112413`)."""
    return f"{hour}#{process}"


def audit_work(hour: str = "", log: str = "") -> str:
    """Sort key of an hour of a log that must be counted again."""
    return f"{hour}#{log}"


def execution(number: int = 0) -> str:
    """Sort key of an execution; without a number the prefix of all."""
    return f"E#{number:012d}" if number else "E#"


def audit_marks(log: str) -> str:
    """Partition of the marks in an audit log's rows."""
    return f"AM#{log}"


def session(upload_id: str) -> str:
    """Partition of an upload session."""
    return f"S#{upload_id}"


def parts(first_part: int) -> str:
    """Sort key of the parts one request uploaded."""
    return f"P#{first_part:05d}"


def manifest_object(project_name: str, repository_name: str, algorithm: str, hex_: str) -> str:
    """S3 key of a manifest."""
    return f"manifests/{project_name}/{repository_name}/{algorithm}/{hex_}"


def blob_object(upload_id: str, nonce: str) -> str:
    """S3 key of an upload attempt's object, which becomes the blob's object."""
    return f"blobs/{upload_id}/{nonce}"


BLOB_OBJECTS = "blobs/"
TAIL_OBJECTS = "uploads/"


def tail_object(upload_id: str, nonce: str) -> str:
    """S3 key of bytes that are in no part yet; never a blob."""
    return f"{TAIL_OBJECTS}{upload_id}/{nonce}"
