"""Chat completions whole, and embeddings, with the stock `openai` client: python openai_whole.py BASE_URL WHAT.

The model behind is scripted; what it is asked is looked at by whoever runs this."""

import json
import sys

import openai

URL, WHAT = sys.argv[1:]
client = openai.OpenAI(base_url=URL, api_key="any", max_retries=0, timeout=20)
ASKED = [{"role": "user", "content": "When are Bleach and Naruto out?"}]
TOOLS = [{"type": "function", "function": {"name": "release_date", "description": "When.", "parameters": {"type": "object", "properties": {"title": {"type": "string"}}}}}]


def choices():
    answer = client.chat.completions.create(model="banto", messages=ASKED, n=2, logprobs=True, top_logprobs=2, seed=7)
    assert [choice.message.content for choice in answer.choices] == ["Soon.", "Later."], answer
    assert answer.choices[0].logprobs.content[0].top_logprobs[0].token == "Soon", answer
    assert answer.model_extra["field_of_the_future"] == {"a": [1]}, answer.model_extra


def tools():
    answer = client.chat.completions.create(model="banto", messages=ASKED, tools=TOOLS, tool_choice="required", parallel_tool_calls=True)
    calls = answer.choices[0].message.tool_calls
    titles = [json.loads(call.function.arguments)["title"] for call in calls]
    assert titles == ["Bleach", "Naruto"] and answer.choices[0].finish_reason == "tool_calls", answer
    print(answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens)
    results = [{"role": "tool", "tool_call_id": call.id, "content": "2026-12-01"} for call in calls]
    messages = ASKED + [answer.choices[0].message.model_dump(exclude_none=True)] + results
    stream = client.chat.completions.create(model="banto", messages=messages, tools=TOOLS, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    arguments = "".join(
        call.function.arguments or "" for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []
    )
    names = [call.function.name for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or [] if call.function.name]
    ends = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert json.loads(arguments) == {"title": "One Piece"} and names == ["release_date"], chunks
    assert ends == ["tool_calls"] and chunks[-1].usage.completion_tokens > 0, chunks


def formats():
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}}
    answer = client.chat.completions.create(model="banto", messages=ASKED, response_format=schema)
    assert json.loads(answer.choices[0].message.content) == {"date": "soon"}, answer


def streams():
    stream = client.chat.completions.create(model="banto", messages=ASKED, stream=True, n=2)
    texts = ["", ""]
    for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
        assert chunk.usage is None, "usage was not asked for"
    assert texts == ["Soon.", "Later."], texts


def untranslatable():
    try:
        client.chat.completions.create(model="banto", messages=ASKED, n=2)
    except openai.BadRequestError as error:
        print(type(error).__name__, error.code, "more than one choice" in error.message)
        return
    raise SystemExit("an error was expected")


def broken():
    try:
        list(client.chat.completions.create(model="banto", messages=ASKED, stream=True))
    except openai.APIError as error:
        print(type(error).__name__, error.code)
        return
    raise SystemExit("the stream ended as if it were whole")


def embeddings():
    one = client.embeddings.create(model="tiny", input="Bleach")
    many = client.embeddings.create(model="tiny", input=["Bleach", "Naruto"], encoding_format="float")
    assert one.data[0].embedding == many.data[0].embedding == [0.5, -0.25], many
    assert [entry.index for entry in many.data] == [0, 1], many
    for wrong in [dict(model="tiny", input=[[1, 2]]), dict(model="tiny", input=[]), dict(model="other", input="a")]:
        try:
            client.embeddings.create(**wrong)
        except openai.APIStatusError as error:
            print(error.status_code, error.code)


def passed_on():
    tokens = client.embeddings.create(model="large", input=[[1, 2], [3]], dimensions=2, user="reader-7")
    assert [entry.embedding for entry in tokens.data] == [[0.5, -0.25]] * 2, tokens
    assert tokens.usage.total_tokens == 3 and tokens.model == "large-2026", tokens
    assert [model.id for model in client.models.list()][-1] == "large"
    for _ in range(2):
        try:
            client.with_options(max_retries=0).embeddings.create(model="large", input="Bleach")
        except openai.APIStatusError as error:
            print(error.status_code, error.code, "key" if "sk-" in str(error) else "no key")


def no_embeddings():
    try:
        client.embeddings.create(model="banto", input="Bleach")
    except openai.NotFoundError as error:
        print(error.status_code, error.code)


globals()[WHAT]()
