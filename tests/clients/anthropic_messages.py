"""What the stock `anthropic` client sees of a running Banto: python anthropic_messages.py BASE_URL WHAT [KEY]."""

import sys

import anthropic

URL, WHAT, *MORE = sys.argv[1:]


def connect(key=None):
    key = key or (MORE[0] if MORE else "any")
    return anthropic.Anthropic(base_url=URL, api_key=key, max_retries=0, timeout=20)


def user(text):
    return [{"role": "user", "content": text}]


def said(message):
    return "".join(block.text for block in message.content if block.type == "text")


def fails(call):
    try:
        call()
    except anthropic.APIStatusError as error:
        assert error.request_id.startswith("req_"), error
        print(type(error).__name__, error.status_code, error.body["error"]["type"])
        return
    raise SystemExit("an error was expected")


def messages():
    client = connect()
    question = "How long does shipping to Osaka take?"
    raw = client.messages.with_raw_response.create(model="banto", max_tokens=400, messages=user(question))
    message = raw.parse()
    assert question in said(message) and message.stop_reason == "end_turn", message
    assert message.usage.output_tokens > 0 and raw.headers["x-banto-source"] == "primary", raw.headers
    assert message.model_extra["banto"]["source"] == "primary", message.model_extra
    again = client.messages.create(model="banto", max_tokens=400, messages=user(question))
    assert again.model_extra["banto"]["source"] in ("exact", "coalesced") and said(again) == said(message), again
    # The same entry as a stream, and a stream of its own.
    with client.messages.stream(model="banto", max_tokens=400, messages=user(question)) as stream:
        assert stream.get_final_text() == said(message)
    with client.messages.stream(model="banto", max_tokens=400, messages=user("What is One Piece about?")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 3 and "".join(pieces) == said(final), pieces
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 0, final
    assert client.messages.count_tokens(model="banto", messages=user("Hi")).input_tokens > 0


def mistakes():
    client = connect()
    fails(lambda: client.messages.create(model="no-such-model", max_tokens=9, messages=user("hi")))
    fails(lambda: client.messages.create(model="banto", max_tokens=9, messages=[]))
    fails(lambda: client.messages.create(model="banto", max_tokens=9, messages=user("x" * 10_000_000)))
    picture = [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]
    fails(lambda: client.messages.create(model="banto", max_tokens=9, messages=user(picture)))


def identities():
    assert "Naruto" in said(connect().messages.create(model="banto", max_tokens=400, messages=user("Is Naruto good?")))
    fails(lambda: connect("wrong").messages.create(model="banto", max_tokens=9, messages=user("hi")))


def broken():
    try:
        with connect().messages.stream(model="banto", max_tokens=400, messages=user("A long story, please.")) as stream:
            for _ in stream:
                pass
    except anthropic.APIStatusError as error:
        print(type(error).__name__, error.body["error"]["type"])
        return
    raise SystemExit("the stream ended as if it were whole")


def stands_in():
    message = connect().messages.create(model="banto", max_tokens=400, messages=user("Can you recommend a manga?"))
    print(message.model_extra["banto"]["source"], message.stop_reason, bool(said(message).strip()))


globals()[WHAT]()
