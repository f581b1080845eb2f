"""The account that Terraform deploys to: what the emulator refuses there, and what functions see."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localstack.deployed import CREDENTIALS_PATH, NAMES_FILE, TOKEN_FILE
from localstack.lambda_process import function_python, visible
from localstack.launch import Emulator, StartError
from localstack.rest_front import permits
from localstack.secret import client, read_secret

API = "arn:aws:execute-api:us-east-1:000000000000:api"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:moorage-registry:live"
MIB = 1024 * 1024
_ECHO = b"""
def handler(event, context):
    if event["path"] == "/fail":
        raise ValueError("no")
    if event["path"] == "/odd":
        return "odd"
    headers = {"WWW-Authenticate": "Bearer", "X-Kept": "yes", "Content-Length": "7"}
    seen = event["requestContext"]["path"] + " " + "|".join(event["multiValueHeaders"].get("accept", ()))
    return {"statusCode": 200, "headers": headers, "body": seen}
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Path]]:
    try:
        python = function_python()
    except StartError as missing:
        pytest.skip(str(missing))
    data = tmp_path_factory.mktemp("account")
    (data / TOKEN_FILE).write_text("the task's token\n")
    with Emulator.start(data, more=("--lambda-python", str(python))) as emulator:
        yield emulator, data


@pytest.fixture(scope="module")
def edge(account: tuple[Emulator, Path]) -> str:
    """A REST API with one function, at the edge."""
    emulator, data = account
    role = make_role(emulator, "function", "lambda.amazonaws.com")
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("echo.py", _ECHO)
    functions, apis = client(emulator.url, "lambda"), client(emulator.url, "apigateway")
    arn = functions.create_function(
        FunctionName="echo", Runtime="python3.13", Role=role, Handler="echo.handler", Code={"ZipFile": held.getvalue()}
    )["FunctionArn"]
    api = apis.create_rest_api(name="echo", binaryMediaTypes=["*/*"])["id"]
    root = apis.get_resources(restApiId=api)["items"][0]["id"]
    below = apis.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")["id"]
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    method = {"restApiId": api, "resourceId": below, "httpMethod": "ANY"}
    apis.put_method(**method, authorizationType="NONE")
    apis.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    apis.put_gateway_response(
        restApiId=api, responseType="DEFAULT_5XX", responseTemplates={"application/json": '{"made":"by API Gateway"}'}
    )
    apis.create_deployment(restApiId=api, stageName="v2")
    functions.add_permission(
        FunctionName="echo", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api}/*/GET/*",
    )  # fmt: skip
    (data / NAMES_FILE).write_text(json.dumps({"v2": api}))
    return f"http://127.0.0.1:{emulator.edge_port}"


def make_role(emulator: Emulator, name: str, service: str, **policy: Any) -> str:
    iam = client(emulator.url, "iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document({"Effect": "Allow", **policy}))
    arn: str = made["Role"]["Arn"]
    return arn


def client_of(given: dict[str, str], emulator: Emulator, service: str) -> Any:
    """A client with a task's credentials."""
    return botocore.session.get_session().create_client(
        service, region_name="us-east-1", endpoint_url=emulator.url, aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["Token"],
        config=Config(signature_version="s3v4" if service == "s3" else None),
    )  # fmt: skip


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_headers_are_renamed_on_a_functions_answer(edge: str) -> None:
    answer = httpx.get(f"{edge}/v2/a/b", headers=[("Accept", "a/b"), ("Accept", "c/d")])
    assert answer.text == "/v2/a/b a/b|c/d"
    assert answer.headers["x-amzn-remapped-www-authenticate"] == "Bearer"
    assert answer.headers["x-kept"] == "yes"
    assert "www-authenticate" not in answer.headers
    assert answer.headers["content-length"] == str(len(answer.text))


def test_escapes_reach_the_function(edge: str) -> None:
    assert httpx.get(f"{edge}/v2/a%2Fb%253A").text.startswith("/v2/a%2Fb%253A ")


@pytest.mark.parametrize("path", ["fail", "odd"])
def test_a_function_that_fails_is_502_by_the_gateway_response(edge: str, path: str) -> None:
    answer = httpx.get(f"{edge}/v2/{path}")
    assert (answer.status_code, answer.json()) == (502, {"made": "by API Gateway"})


def test_a_method_without_permission_is_not_invoked(edge: str) -> None:
    answer = httpx.post(f"{edge}/v2/a", content=b"x")
    assert (answer.status_code, answer.json()) == (500, {"made": "by API Gateway"})


def test_too_much_is_refused(edge: str) -> None:
    assert httpx.put(f"{edge}/v2/a", content=bytes(10 * MIB + 1)).status_code == 413
    assert httpx.get(f"{edge}/v2/{'a' * 10}", headers={"X-Big": "x"}).status_code == 200


def test_another_stage_is_forbidden(edge: str) -> None:
    assert httpx.get(f"{edge}/v1/a").json() == {"message": "Forbidden"}
    assert httpx.head(f"{edge}/v1/a").content == b""


def test_a_task_gets_its_roles_credentials_and_they_allow_what_the_role_may(account: tuple[Emulator, Path]) -> None:
    emulator, _ = account
    client(emulator.url, "s3").create_bucket(Bucket="held")
    may = {"Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::held/mine/*"}
    make_role(emulator, "task", "ecs-tasks.amazonaws.com", **may)
    address = f"{emulator.url}{CREDENTIALS_PATH}task"
    assert httpx.get(address).status_code == 404
    assert httpx.get(address, headers={"Authorization": "wrong"}).status_code == 404
    given = httpx.get(address, headers={"Authorization": "the task's token"}).json()
    s3 = client_of(given, emulator, "s3")
    s3.put_object(Bucket="held", Key="mine/a", Body=b"a")
    assert (
        httpx.get(s3.generate_presigned_url("get_object", Params={"Bucket": "held", "Key": "mine/a"})).content == b"a"
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="held", Key="others/a", Body=b"a")


def test_a_role_of_somebody_else_is_not_given_to_a_task(account: tuple[Emulator, Path]) -> None:
    emulator, _ = account
    make_role(emulator, "not-for-tasks", "lambda.amazonaws.com")
    address = f"{emulator.url}{CREDENTIALS_PATH}not-for-tasks"
    assert httpx.get(address, headers={"Authorization": "the task's token"}).status_code == 404


def test_batches_of_messages_need_the_permission_that_aws_asks_for(account: tuple[Emulator, Path]) -> None:
    emulator, _ = account
    queue = client(emulator.url, "sqs").create_queue(QueueName="batches")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:batches"
    make_role(emulator, "sends", "ecs-tasks.amazonaws.com", Action="sqs:SendMessage", Resource=arn)
    address = f"{emulator.url}{CREDENTIALS_PATH}sends"
    given = httpx.get(address, headers={"Authorization": "the task's token"}).json()
    sqs = client_of(given, emulator, "sqs")
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "a"}])
    assert len(sent["Successful"]) == 1
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.receive_message(QueueUrl=queue)


def test_tags_of_an_object_in_parts_stay(account: tuple[Emulator, Path]) -> None:
    s3 = client(account[0].url, "s3")
    s3.create_bucket(Bucket="tagged")
    upload = s3.create_multipart_upload(Bucket="tagged", Key="a", Tagging="a%3Ab=c&d=")["UploadId"]
    part = s3.upload_part(Bucket="tagged", Key="a", UploadId=upload, PartNumber=1, Body=b"a")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="tagged", Key="a", UploadId=upload, MultipartUpload=parts)
    tags = s3.get_object_tagging(Bucket="tagged", Key="a")["TagSet"]
    assert tags == [{"Key": "a:b", "Value": "c"}, {"Key": "d", "Value": ""}]


def test_an_authorizers_cache_is_a_number_after_an_update_too(account: tuple[Emulator, Path]) -> None:
    apis = client(account[0].url, "apigateway")
    api = apis.create_rest_api(name="cached")["id"]
    source = "method.request.header.Authorization"
    made = apis.create_authorizer(restApiId=api, name="a", type="TOKEN", authorizerUri="arn", identitySource=source)
    change = {"op": "replace", "path": "/authorizerResultTtlInSeconds", "value": "60"}
    told = apis.update_authorizer(restApiId=api, authorizerId=made["id"], patchOperations=[change])
    assert told["authorizerResultTtlInSeconds"] == 60


def test_a_policy_that_demands_tls_lets_calls_through(account: tuple[Emulator, Path]) -> None:
    s3 = client(account[0].url, "s3")
    s3.create_bucket(Bucket="tls")
    resources = ["arn:aws:s3:::tls", "arn:aws:s3:::tls/*"]
    plain = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}, "Principal": "*", "Action": "s3:*"}
    s3.put_bucket_policy(Bucket="tls", Policy=document({"Effect": "Deny", "Resource": resources, **plain}))
    s3.put_object(Bucket="tls", Key="a", Body=b"a")


def test_a_secret_without_a_value_is_named(account: tuple[Emulator, Path]) -> None:
    client(account[0].url, "secretsmanager").create_secret(Name="empty")
    with pytest.raises(StartError, match="The secret empty has no value"):
        read_secret(account[0].url, "empty")


@pytest.mark.parametrize(
    ("change", "is_permitted"),
    [
        ({}, True),
        ({"Condition": {}}, True),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:us-east-1::api/*/*"}}}, True),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:us-east-1:000000000000:other/*/*"}}}, False),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": f"{API}/v2/POST/*"}}}, False),
        ({"Principal": {"Service": "s3.amazonaws.com"}}, False),
        ({"Resource": FUNCTION.removesuffix(":live")}, False),
        ({"Effect": "Deny"}, False),
    ],
)
def test_whom_api_gateway_may_call(change: dict[str, Any], is_permitted: bool) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Resource": FUNCTION,
        "Condition": {"ArnLike": {"AWS:SourceArn": f"{API}/*/*"}},
    }
    assert permits({**statement, **change}, FUNCTION, f"{API}/v2/GET/library/x") is is_permitted


def test_a_function_sees_what_is_its_own() -> None:
    hidden = {"HOME": "/root", "SECRET": "s", "PATH": "/bin", "AWS_REGION": "us-east-1"}
    given = {**hidden, "AWS_REGION": "eu-west-1", "MOORAGE_TABLE": "t"}
    assert visible(given, hidden) == {
        "LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": "/bin", "AWS_REGION": "eu-west-1", "MOORAGE_TABLE": "t"
    }  # fmt: skip


def test_the_functions_python_is_lambdas_and_has_no_packages() -> None:
    try:
        python = function_python()
    except StartError as missing:
        pytest.skip(str(missing))
    assert python.name.startswith("python3")
    assert ".venv" not in python.parts or sys.prefix == sys.base_prefix
