"""Who may pull what, and what a person reads when they may not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients import images
from tests.clients.commands import find
from tests.clients.conftest import MakeClient, push_over_http
from tests.running import running_registry
from tests.wire import Wire

EVERY_CLIENT = ("docker", "podman", "buildah", "skopeo", "ctr", "crane", "oras", "regctl")
# Each client has its own words for the same refusal.
REFUSED = re.compile(
    r"unauthorized|authentication required|denied|forbidden|\b40[13]\b|credentials? not found|no basic auth credentials"
    r"|incorrect username or password|invalid username/password",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_anybody_pulls_from_a_public_project(make_client: MakeClient, name: str, admin: Wire, repository: str) -> None:
    image, reference = images.image(), f"library/{repository.split('/')[1]}:v1"
    push_over_http(admin, image, reference)

    pulled = make_client(name).pull(reference)

    assert pulled.diff_ids == image.diff_ids


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_nobody_pulls_from_a_private_project_without_an_account(
    make_client: MakeClient, name: str, admin: Wire, repository: str
) -> None:
    push_over_http(admin, images.image(), f"{repository}:v1")
    client = make_client(name)

    done = client.try_pull(f"{repository}:v1", client.new_folder())

    assert done.code != 0
    assert REFUSED.search(done.output), done.output


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_nobody_pushes_to_the_public_project_without_an_account(
    make_client: MakeClient, name: str, admin: Wire, repository: str
) -> None:
    reference = f"library/{repository.split('/')[1]}"

    done = make_client(name).try_push(images.image(), f"{reference}:v1")

    assert done.code != 0
    assert REFUSED.search(done.output), done.output
    # docker tries each layer again for 50 seconds unless the refusal is a 403.
    assert "Retrying" not in done.output, done.output
    assert admin.get(f"/v2/{reference}/manifests/v1").status == 404


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_a_wrong_account_is_refused_in_words(name: str, make_client: MakeClient, tmp_path: Path) -> None:
    """On a registry of its own: ten failures lock an account to everybody on this address."""
    find(name)
    with running_registry(tmp_path) as registry:
        if registry.process is None:
            pytest.skip("would lock the administrator out of a registry that was running before")
        client = make_client(name, registry)
        for user, password in ((registry.user, "not-the-password"), ("nobody-by-this-name", registry.password)):
            done = client.try_log_in(user, password)
            assert done.code != 0
            assert REFUSED.search(done.output), done.output
            assert password not in done.output
