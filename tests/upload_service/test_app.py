"""The shell around the core: stalled clients, full memory, failures, and URLs nobody should have made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from chalicelib.config import Settings
from chalicelib.oci.digest import Digest
from chalicelib.oci.session import MIB
from chalicelib.oci.uploads import Uploads
from tests.builders import repository
from tests.fakes.objects import FakeObjects
from tests.fakes.sessions import FakeSessions
from tests.fakes.stores import FakeBlobs
from upload_service.app import UploadService
from upload_service.memory import BLOCK_BYTES, Memory

NOW = 1_800_000_000
Answer = tuple[int, dict[str, str], bytes]


class Shell:
    """The application over fakes."""

    def __init__(self, memory_mib: int = 48, *, idle_s: float = 60, admission_s: float = 0.05) -> None:
        self.blobs, self.sessions, self.objects = FakeBlobs(), FakeSessions(), FakeObjects()
        self.uploads = Uploads(
            Settings(),
            blobs=self.blobs,
            sessions=self.sessions,
            objects=self.objects,
            state_keys=lambda: [("1", b"k" * 32)],
        )
        self.memory = Memory(memory_mib * BLOCK_BYTES, admission_s)
        self.app = UploadService(self.uploads, self.memory, clock=lambda: NOW, idle_s=idle_s)

    def start(self) -> str:
        return self.uploads.start(repository(), "ada", now=NOW).location

    async def send(self, method: str, url: str, messages: Iterable[Any] = (b"",), **headers: str) -> Answer | None:
        """Messages are body bytes, a float to wait, or None for a hang-up; the last body ends the request."""
        parts, queue, answers = urlsplit(url), list(messages), []

        async def receive() -> dict[str, Any]:
            if not queue:
                await asyncio.sleep(3600)
            message = queue.pop(0)
            if isinstance(message, float):
                await asyncio.sleep(message)
                return await receive()
            if message is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": message, "more_body": bool(queue)}

        async def send(message: Any) -> None:
            answers.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "query_string": parts.query.encode("latin-1"),
            "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        await self.app(scope, receive, send)
        if not answers:
            return None
        start, body = answers
        return start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, body["body"]

    def is_idle(self) -> bool:
        """All memory is back."""
        return self.memory._has(self.memory.total)


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 30))


def code(answer: Answer | None) -> str:
    assert answer is not None
    return str(json.loads(answer[2])["errors"][0]["code"])


def test_a_stalled_client_is_dropped_and_loses_nothing_it_had() -> None:
    shell = Shell(idle_s=0.05)
    url = shell.start()

    async def work() -> None:
        assert (await shell.send("PATCH", url, [b"abc"]))[0] == 202
        answer = await shell.send("PATCH", url, [b"x" * 6 * MIB, 5.0, b"y"])
        assert answer is not None
        assert (answer[0], answer[1]["connection"]) == (408, "close")
        assert (await shell.send("GET", url))[1]["range"] == "0-2"

    run(work())
    assert shell.is_idle()


def test_a_slow_client_is_waited_for() -> None:
    shell = Shell(idle_s=0.2)
    answer = run(shell.send("PATCH", shell.start(), [b"a", 0.1, b"b", 0.1, b"c", 0.1, b"d"]))
    assert answer[0] == 202
    assert answer[1]["range"] == "0-3"


@pytest.mark.parametrize("sent", [[None], [b"abc", None], [b"x" * 17 * MIB, b"y" * 17 * MIB, None]])
def test_a_hang_up_gets_no_answer_and_leaves_nothing(sent: list[Any]) -> None:
    shell = Shell()
    assert run(shell.send("PATCH", shell.start(), sent)) is None
    assert not shell.sessions.sessions
    assert not shell.objects.objects
    assert not shell.objects.multiparts
    assert shell.is_idle()


def test_without_memory_clients_are_asked_to_come_again() -> None:
    shell = Shell(memory_mib=11)

    async def work() -> None:
        stalled = [asyncio.create_task(shell.send("PATCH", shell.start(), [b"x", 1.0, b"y"])) for _ in range(2)]
        await asyncio.sleep(0.1)
        answer = await shell.send("PATCH", shell.start(), [b"abc"])
        assert answer is not None
        assert answer[0] == 429
        assert answer[1]["retry-after"].isdigit()
        assert code(answer) == "TOOMANYREQUESTS"
        assert (await shell.send("PATCH", shell.start(), [b"abc"], content_length="3"))[0] == 202, "a small one fits"
        assert [(await task)[0] for task in stalled] == [202, 202]

    run(work())
    assert shell.is_idle()


def test_little_memory_makes_smaller_parts_of_the_same_blob() -> None:
    shell, url = Shell(memory_mib=12), None
    url = shell.start()
    body = b"".join(bytes([n]) * MIB for n in range(50))

    async def work() -> None:
        pieces = [body[at : at + 300_000] for at in range(0, len(body), 300_000)]
        answer = await shell.send("PUT", f"{url}&digest={Digest.of(body)}", pieces, content_length=str(len(body)))
        assert answer is not None
        assert answer[0] == 201

    run(work())
    link = shell.blobs.link(repository(), Digest.of(body))
    assert link is not None
    assert shell.objects.objects[link.key] == body
    assert shell.is_idle()


@pytest.mark.parametrize("name", ["put_part", "put", "start_multipart", "complete_multipart"])
def test_a_failing_store_is_answered_with_an_oci_error_and_no_memory_is_lost(name: str) -> None:
    shell = Shell()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk on fire")

    setattr(shell.objects, name, fail)
    body = [b"x" * MIB] * (40 if "part" in name else 1)
    digest = Digest.of(b"".join(body))

    async def work() -> Answer | None:
        return await shell.send("PUT", f"{shell.start()}&digest={digest}", body)

    answer = run(work())
    assert answer[0] == 500
    assert code(answer) == "UNKNOWN"
    assert b"fire" not in answer[2]
    assert shell.is_idle()


def test_a_refusal_comes_before_the_body_is_read() -> None:
    shell = Shell()
    answer = run(shell.send("PUT", f"{shell.start()}&digest=sha256:abc", []))
    assert (answer[0], code(answer)) == (400, "DIGEST_INVALID")


TEXT = st.text(st.characters(max_codepoint=255), max_size=30)


@hypothesis(max_examples=150, deadline=None)
@given(st.data())
def test_no_request_is_answered_with_a_5xx(data: st.DataObject) -> None:
    shell = Shell()
    url = shell.start()
    at = data.draw(st.integers(0, len(url)), "cut at")
    mutated = data.draw(st.sampled_from([url, url[:at] + quote(data.draw(TEXT), safe="/?&=%:") + url[at:], url[:at]]))
    digest = data.draw(st.sampled_from(["", "&digest=sha256:" + "0" * 64, "&digest=" + "x" * 30, "&digest=&digest="]))
    method = data.draw(st.sampled_from(["PATCH", "PUT", "GET", "HEAD", "DELETE", "POST"]))
    length = data.draw(st.one_of(st.none(), TEXT, st.sampled_from(["3", "-1", "9" * 30, "٣"]).filter(str.isascii)))
    chunk = data.draw(st.one_of(st.none(), TEXT, st.sampled_from(["0-2", "5-7", "0-1"])))
    headers = {
        name: value for name, value in (("content_length", length), ("content_range", chunk)) if value is not None
    }
    answer = run(shell.send(method, mutated + digest, [b"abc"], **headers))
    assert 200 <= answer[0] < 500
    if answer[0] == 202:
        assert mutated.split("_state=")[1:] == url.split("_state=")[1:], "a state that was not signed was accepted"
    if answer[0] >= 400 and method != "HEAD":
        assert code(answer)
    assert shell.is_idle()
