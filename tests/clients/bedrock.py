"""What stock `boto3` sees of a running Banto: python bedrock.py BASE_URL WHAT [...]."""

import concurrent.futures
import datetime
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

import boto3
import botocore.auth
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

URL, WHAT, *MORE = sys.argv[1:]
os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")


def connect(key="AKIDEXAMPLE", secret="any", **more):
    config = Config(retries={"total_max_attempts": 1}, read_timeout=20, **more)
    return boto3.client(
        "bedrock-runtime", endpoint_url=URL, region_name="ap-northeast-1", aws_access_key_id=key,
        aws_secret_access_key=secret, config=config,
    )


def user(text):
    return [{"role": "user", "content": [{"text": text}]}]


def said(answer):
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def source(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]["x-banto-source"]


def fails(call):
    try:
        call()
    except ClientError as error:
        meta = error.response["ResponseMetadata"]
        assert len(meta["RequestId"]) == 36, meta
        assert error.response["Error"]["Message"], error.response
        print(type(error).__name__, meta["HTTPStatusCode"], error.response["Error"]["Code"])
        return
    raise SystemExit("an error was expected")


def whole():
    bedrock = connect()
    question = "How long does shipping to Osaka take?"
    system = [{"text": "Be kind."}, {"cachePoint": {"type": "default"}}]
    answer = bedrock.converse(modelId="banto", messages=user(question), system=system, inferenceConfig={"maxTokens": 500})
    assert question in said(answer) and answer["stopReason"] == "end_turn", answer
    assert answer["usage"]["totalTokens"] == answer["usage"]["outputTokens"] + sum(
        answer["usage"].get(name, 0) for name in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    ), answer["usage"]
    meta = answer["ResponseMetadata"]
    assert len(meta["RequestId"]) == 36 and source(answer) == "primary", meta
    # A cache point is a word for a provider's prompt cache: the simulated model has none, and says so.
    assert meta["HTTPHeaders"]["x-banto-lost"] == "cachePoint", meta
    again = bedrock.converse(modelId="banto", messages=user(question), system=system, inferenceConfig={"maxTokens": 500})
    assert source(again) in ("exact", "coalesced") and said(again) == said(answer), again
    short = bedrock.converse(modelId="banto", messages=user("Tell me about Bleach."), inferenceConfig={"maxTokens": 3})
    assert short["stopReason"] == "max_tokens", short


def read(stream):
    events = list(stream)
    assert list(events[0]) == ["messageStart"] and list(events[-1]) == ["metadata"], events
    kinds = [next(iter(event)) for event in events]
    assert kinds[-2] == "messageStop" and "contentBlockStop" in kinds, kinds
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0, events[-1]
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    return "".join(deltas), len(deltas)


def streams():
    bedrock = connect()
    question = "Please recommend something like One Piece."
    answer = bedrock.converse_stream(modelId="banto", messages=user(question))
    assert source(answer) == "primary", answer["ResponseMetadata"]
    text, pieces = read(answer["stream"])
    assert question in text and pieces > 3, "a stream comes in pieces"
    # The whole answer to what was streamed, and the stream of what was whole.
    again = bedrock.converse(modelId="banto", messages=user(question))
    assert source(again) in ("exact", "coalesced") and said(again) == text, again
    kept = bedrock.converse(modelId="banto", messages=user("What is a tankobon?"))
    streamed = bedrock.converse_stream(modelId="banto", messages=user("What is a tankobon?"))
    assert source(streamed) in ("exact", "coalesced"), streamed["ResponseMetadata"]
    assert read(streamed["stream"])[0] == said(kept)


def invocations():
    bedrock = connect()
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 300, "messages": [{"role": "user", "content": "What is Naruto about?"}]}
    answer = bedrock.invoke_model(modelId="banto", body=json.dumps(body))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    message = json.loads(answer["body"].read())
    assert message["type"] == "message" and "Naruto" in message["content"][0]["text"], message
    assert int(headers["x-amzn-bedrock-output-token-count"]) == message["usage"]["output_tokens"] > 0, headers
    stream = bedrock.invoke_model_with_response_stream(modelId="banto", body=json.dumps(body))
    events = [json.loads(event["chunk"]["bytes"]) for event in stream["body"]]
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop", events
    text = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    assert text == message["content"][0]["text"], "one entry for both shapes"
    fails(lambda: bedrock.invoke_model(modelId="banto", body=json.dumps({"inputText": "a format that nobody here speaks"})))


def together():
    """Several ask the same at once; the model is slow. One of them leads, all read the same stream in the same format."""
    clients = [connect() for _ in range(6)]

    def ask(client):
        answer = client.converse_stream(modelId="banto", messages=user("What is the longest manga?"))
        return source(answer), read(answer["stream"])[0]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, clients))
    assert len({text for _, text in answers}) == 1, answers
    sources = [source for source, _ in answers]
    assert sources.count("primary") == 1 and set(sources) <= {"primary", "coalesced", "exact"}, sources


def guarded():
    body = json.dumps({"anthropic_version": "x", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]})
    fails(lambda: connect().invoke_model(modelId="banto", body=body, guardrailIdentifier="abc123", guardrailVersion="1"))


def counts():
    bedrock = connect()
    short = bedrock.count_tokens(modelId="banto", input={"converse": {"messages": user("Hi")}})["inputTokens"]
    long = bedrock.count_tokens(modelId="banto", input={"converse": {"messages": user("Hi " * 100)}})["inputTokens"]
    body = json.dumps({"anthropic_version": "x", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]})
    invoke = bedrock.count_tokens(modelId="banto", input={"invokeModel": {"body": body}})["inputTokens"]
    assert 0 < short < long and invoke > 0, (short, long, invoke)


def arn():
    model = MORE[0]
    answer = connect().converse(modelId=model, messages=user("When is Bleach out?"))
    assert "Bleach" in said(answer), answer
    answer = connect().converse_stream(modelId=model, messages=user("When is Bleach out?"))
    assert "Bleach" in read(answer["stream"])[0]


def mistakes():
    bedrock = connect()
    fails(lambda: bedrock.converse(modelId="no-such-model", messages=user("hi")))
    fails(lambda: bedrock.converse_stream(modelId="no.such-model-v1:0", messages=user("hi")))
    fails(lambda: bedrock.converse(modelId="banto", messages=[]))
    fails(lambda: bedrock.converse(modelId="banto", messages=[{"role": "user", "content": [{"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://a/b"}}}}]}]))
    fails(lambda: bedrock.converse(modelId="banto", messages=user("x" * 10_000_000)))
    fails(lambda: bedrock.invoke_model(modelId="banto", body=b"\xff\xfe{}"))
    fails(lambda: bedrock.invoke_model(modelId="banto", body=b'{"anthropic_version":"x","messages":[{"role":"user","content":"a"}],"messages":[]}'))
    fails(lambda: bedrock.count_tokens(modelId="no-such-model", input={"converse": {"messages": user("hi")}}))


def broken():
    answer = connect().converse_stream(modelId="banto", messages=user("Tell me a long story about pirates."))
    seen = []
    try:
        for event in answer["stream"]:
            seen.append(event)
    except EventStreamError as error:
        code = error.response["Error"]["Code"]
        assert any("contentBlockDelta" in event for event in seen), seen
        print(type(error).__name__, code, error.response["Error"]["Message"].split(".")[0])
        return
    raise SystemExit(f"the stream ended as if it were whole: {seen[-1]}")


def stands_in():
    fails(lambda: connect().invoke_model(modelId="banto", body=json.dumps({"prompt": "a format of its own"})))
    answer = connect().converse(modelId="banto", messages=user("Can you recommend a manga?"))
    print(source(answer), answer["stopReason"], bool(said(answer).strip()))
    answer = connect().converse_stream(modelId="banto", messages=user("Can you recommend a manga about cooking?"))
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in answer["stream"] if "contentBlockDelta" in event)
    print(source(answer), bool(text.strip()))


def throttled():
    bedrock = connect()
    for attempt in range(50):
        try:
            bedrock.converse(modelId="banto", messages=user(f"Question {attempt}?"))
        except ClientError as error:
            assert isinstance(error, bedrock.exceptions.ThrottlingException), error
            assert int(error.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) >= 1, error.response
            print(type(error).__name__, error.response["ResponseMetadata"]["HTTPStatusCode"])
            return
    raise SystemExit("a limit was expected")


def identities():
    key, secret = MORE
    answer = connect(key, secret).converse(modelId="banto", messages=user("Who am I?"))
    assert source(answer) == "primary", answer
    model = "arn:aws:bedrock:us-east-1::foundation-model/a.b-v1:0"
    assert "Bleach" in said(connect(key, secret).converse(modelId=model, messages=user("Is Bleach good?")))
    fails(lambda: connect(key, "not the secret").converse(modelId="banto", messages=user("hi")))
    fails(lambda: connect("AKIDSOMEBODY", secret).converse(modelId="banto", messages=user("hi")))
    fails(lambda: connect(key, "not the secret").converse_stream(modelId="banto", messages=user("hi")))
    now = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *args, **more: now(*args, **more) - datetime.timedelta(minutes=20)
    fails(lambda: connect(key, secret).converse(modelId="banto", messages=user("hi")))
    botocore.auth.get_current_datetime = now
    # boto3 sends a token over TLS alone.
    url = over_tls()
    for token in (secret, "wrong"):
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = token
        config = Config(retries={"total_max_attempts": 1})
        bearer = boto3.client("bedrock-runtime", endpoint_url=url, region_name="us-east-1", verify=False, config=config)
        if token == secret:
            assert "Naruto" in said(bearer.converse(modelId="banto", messages=user("Is Naruto good?")))
        else:
            fails(lambda: bearer.converse(modelId="banto", messages=user("hi")))


def over_tls():
    """The address of a relay that ends TLS before Banto."""
    folder = tempfile.mkdtemp()
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
    host, port = URL.removeprefix("http://").split(":")

    def pump(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
        except OSError:
            pass

    def accept():
        while True:
            client, _ = listener.accept()
            server = socket.create_connection((host, int(port)))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


TOOLS = {
    "tools": [{"toolSpec": {"name": "release_date", "description": "When a title is out.", "inputSchema": {"json": {"type": "object", "properties": {"title": {"type": "string"}}}}}}],
    "toolChoice": {"any": {}},
}


def tools():
    """A conversation with tools; the model behind speaks OpenAI's format and is scripted to call two at once."""
    bedrock = connect()
    messages = user("When are Bleach and Naruto out?")
    answer = bedrock.converse(modelId="banto", messages=messages, toolConfig=TOOLS)
    assert answer["stopReason"] == "tool_use", answer
    calls = [block["toolUse"] for block in answer["output"]["message"]["content"] if "toolUse" in block]
    assert [call["input"] for call in calls] == [{"title": "Bleach"}, {"title": "Naruto"}], calls
    messages.append(answer["output"]["message"])
    results = [{"toolResult": {"toolUseId": call["toolUseId"], "content": [{"json": {"date": "2026-12-01"}}]}} for call in calls]
    messages.append({"role": "user", "content": results})
    stream = bedrock.converse_stream(modelId="banto", messages=messages, toolConfig=TOOLS)
    events = list(stream["stream"])
    start = [event["contentBlockStart"]["start"]["toolUse"] for event in events if "contentBlockStart" in event]
    pieces = [event["contentBlockDelta"]["delta"]["toolUse"]["input"] for event in events if "toolUse" in event.get("contentBlockDelta", {}).get("delta", {})]
    assert [call["name"] for call in start] == ["release_date"] and json.loads("".join(pieces)) == {"title": "One Piece"}, events
    print(events[-1]["metadata"]["usage"]["inputTokens"], answer["usage"])


globals()[WHAT]()
