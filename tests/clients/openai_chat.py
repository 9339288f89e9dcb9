"""What the stock `openai` client sees of a running Banto: python openai_chat.py BASE_URL."""

import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="any", max_retries=0, timeout=20)


def ask(text, **more):
    return client.chat.completions.create(model="banto", messages=[{"role": "user", "content": text}], **more)


# A whole answer, with where it came from as an extra member and as a header.
raw = client.chat.completions.with_raw_response.create(
    model="banto", messages=[{"role": "user", "content": "How long does shipping to Osaka take?"}]
)
answer = raw.parse()
assert answer.choices[0].message.content, answer
assert answer.choices[0].finish_reason == "stop"
assert answer.usage.total_tokens > 0, answer.usage
assert raw.headers["x-banto-source"] == "primary", raw.headers
assert answer.model_extra["banto"]["source"] == "primary", answer.model_extra

# The same question again comes from the cache, word for word.
again = ask("How long does shipping to Osaka take?")
assert again.model_extra["banto"]["source"] in ("exact", "coalesced"), again.model_extra
assert again.choices[0].message.content == answer.choices[0].message.content

# A cached whole answer as a stream, and a stream of its own, with usage.
chunks = list(ask("How long does shipping to Osaka take?", stream=True))
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == answer.choices[0].message.content
assert chunks[0].model_extra["banto"]["source"] in ("exact", "coalesced")
chunks = list(ask("Please recommend something like One Piece.", stream=True, stream_options={"include_usage": True}))
assert len(chunks) > 3, "a stream comes in pieces"
assert chunks[-1].usage.completion_tokens > 0
text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
whole = ask("Please recommend something like One Piece.")
# Right after a stream its answer may still be on its way into the cache; then the finished stream itself is read.
assert whole.model_extra["banto"]["source"] in ("exact", "coalesced"), whole.model_extra
assert whole.choices[0].message.content == text

# Models, and errors of the right class.
assert "banto" in [model.id for model in client.models.list()]
for wrong, error in [
    (dict(model="no-such-model", messages=[{"role": "user", "content": "hi"}]), openai.NotFoundError),
    (dict(model="banto", messages=[]), openai.BadRequestError),
    (dict(model="banto", messages="hi"), openai.BadRequestError),
    (dict(model="banto", messages=[{"role": "user", "content": "x" * 10_000_000}]), openai.APIStatusError),
]:
    try:
        client.chat.completions.create(**wrong)
        raise SystemExit(f"{error.__name__} expected")
    except error as seen:
        assert seen.message, seen
        print(type(seen).__name__, seen.status_code, seen.code)
