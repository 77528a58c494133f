"""Drives a running server with the packages that people use: openai, anthropic, ollama, openai-agents, litellm, langchain-openai, llm.

usage: clients_test.py BASE_URL MODEL [NAME...]    a line for each check; exit status 1 if one fails
"""
import asyncio
import json
import os
import subprocess
import sys
import tempfile

# litellm would fetch a list of prices otherwise.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
BASE, MODEL = sys.argv[1].rstrip("/"), sys.argv[2]
CHOSEN = sys.argv[3:]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
    "required": ["name", "age"], "additionalProperties": False,
}
WEATHER = {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"], "additionalProperties": False,
}
HELLO = [{"role": "user", "content": "Say hello in one short sentence."}]
checks = []


def check(function):
    checks.append(function)
    return function


def openai_client():
    import openai
    return openai.OpenAI(base_url=BASE + "/v1", api_key="none", max_retries=0)


@check
def openai_chat():
    reply = openai_client().chat.completions.create(model=MODEL, messages=HELLO, max_tokens=24, temperature=0)
    assert reply.choices[0].message.content and reply.usage.completion_tokens > 0, reply
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@check
def openai_chat_stream_equals_whole():
    client = openai_client()
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=24, temperature=0)
    text, reason, usage = "", None, None
    for chunk in client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=24, temperature=0, stream=True, stream_options={"include_usage": True}):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
        usage = chunk.usage or usage
    assert text == whole.choices[0].message.content, (text, whole)
    assert reason == whole.choices[0].finish_reason and usage.completion_tokens == whole.usage.completion_tokens


@check
def openai_choices_logprobs_stop_bias():
    client = openai_client()
    reply = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=8, n=3, seed=5, temperature=1, logprobs=True, top_logprobs=4)
    assert [c.index for c in reply.choices] == [0, 1, 2]
    for choice in reply.choices:
        entries = choice.logprobs.content
        assert entries and all(len(e.top_logprobs) == 4 for e in entries)
        assert all(a.logprob >= b.logprob for e in entries for a, b in zip(e.top_logprobs, e.top_logprobs[1:]))
    again = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, n=3, seed=5, temperature=1)
    assert [c.message.content for c in again.choices] == [c.message.content for c in reply.choices]
    first = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, temperature=0)
    text = first.choices[0].message.content
    cut = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, temperature=0, stop=[text[3:6]])
    assert cut.choices[0].message.content == text[:text.index(text[3:6])] and cut.choices[0].finish_reason == "stop"


@check
def openai_schema():
    reply = openai_client().chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Invent a person."}], max_tokens=200,
        response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": SCHEMA}})
    person = json.loads(reply.choices[0].message.content)
    assert set(person) == {"name", "age"} and isinstance(person["age"], int), person


@check
def openai_parse():
    import pydantic

    class Person(pydantic.BaseModel):
        name: str = pydantic.Field(max_length=20)
        age: int = pydantic.Field(ge=0, le=120)
    reply = openai_client().chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": "Invent a person."}], max_tokens=200, response_format=Person)
    assert isinstance(reply.choices[0].message.parsed, Person)


@check
def openai_tools():
    client = openai_client()
    tools = [{"type": "function", "function": {"name": "weather", "description": "The weather in a city", "parameters": WEATHER}}]
    ask = [{"role": "user", "content": "What is the weather in Rome?"}]
    for choice in ["required", {"type": "function", "function": {"name": "weather"}}]:
        try:
            reply = client.chat.completions.create(model=MODEL, messages=ask, tools=tools, tool_choice=choice, max_tokens=200)
        except Exception as error:
            assert "no form of tool calls" in str(error), error
            return "the model has no form of tool calls: refused with a reason"
        call = reply.choices[0].message.tool_calls[0]
        assert reply.choices[0].finish_reason == "tool_calls"
        assert call.function.name == "weather" and set(json.loads(call.function.arguments)) == {"city"}, call
        after = ask + [reply.choices[0].message.model_dump(exclude_none=True),
                       {"role": "tool", "tool_call_id": call.id, "content": [{"type": "text", "text": "sunny"}]}]
        then = client.chat.completions.create(model=MODEL, messages=after, tools=tools, max_tokens=16)
        assert then.usage.prompt_tokens_details.cached_tokens >= 0


@check
def openai_errors():
    import openai
    client = openai_client()
    for fields, kind in [
        ({"model": "no-such-model"}, openai.NotFoundError), ({"temperature": -1}, openai.BadRequestError),
        ({"n": 100}, openai.BadRequestError), ({"messages": []}, openai.BadRequestError),
        ({"extra_body": {"prediction": {"type": "content", "content": "x"}}}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": "word " * 200000}]}, openai.BadRequestError),
    ]:
        try:
            client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 4, **fields})
            raise AssertionError(f"{list(fields)} was taken")
        except kind as error:
            assert error.body and error.body["message"], error
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=4, extra_body={"odd_field": 1, "user": "u"})
    assert raw.headers["hadal-ignored-fields"] == "odd_field, user", raw.headers


@check
def openai_completions():
    client = openai_client()
    reply = client.completions.create(model=MODEL, prompt="Once upon a time", max_tokens=8, temperature=0, logprobs=2)
    assert reply.choices[0].text and len(reply.choices[0].logprobs.tokens) == reply.usage.completion_tokens
    text = "".join(c.choices[0].text for c in client.completions.create(
        model=MODEL, prompt="Once upon a time", max_tokens=8, temperature=0, stream=True))
    assert text == reply.choices[0].text


@check
def openai_models():
    client = openai_client()
    assert MODEL in [m.id for m in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


@check
def openai_responses():
    client = openai_client()
    whole = client.responses.create(model=MODEL, instructions="Be brief.", input="Say hello.", max_output_tokens=24, temperature=0)
    assert whole.output_text and whole.usage.input_tokens > 0
    text, last, numbers = "", None, []
    for event in client.responses.create(
            model=MODEL, instructions="Be brief.", input="Say hello.", max_output_tokens=24, temperature=0, stream=True):
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            text += event.delta
        last = event
    assert text == whole.output_text and last.type in ("response.completed", "response.incomplete"), (text, last)
    assert numbers == list(range(len(numbers)))
    parsed = client.responses.create(
        model=MODEL, input="Invent a person.", max_output_tokens=200,
        text={"format": {"type": "json_schema", "name": "person", "strict": True, "schema": SCHEMA}})
    assert set(json.loads(parsed.output_text)) == {"name", "age"}


@check
def openai_concurrent():
    import openai

    async def run():
        client = openai.AsyncOpenAI(base_url=BASE + "/v1", api_key="none", max_retries=0)
        one = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=16, temperature=0)
        many = await asyncio.gather(*[
            client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=16, temperature=0) for _ in range(12)])
        assert all(m.choices[0].message.content == one.choices[0].message.content for m in many)
    asyncio.run(run())


def anthropic_client():
    import anthropic
    return anthropic.Anthropic(base_url=BASE, api_key="none", max_retries=0)


@check
def anthropic_messages():
    client = anthropic_client()
    greedy = {"extra_body": {"temperature": 0}}
    whole = client.messages.create(model=MODEL, max_tokens=24, system="Be brief.", messages=HELLO, **greedy)
    assert whole.content[0].text and whole.stop_reason in ("end_turn", "max_tokens")
    with client.messages.stream(model=MODEL, max_tokens=24, system="Be brief.", messages=HELLO, **greedy) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text and final.usage.output_tokens == whole.usage.output_tokens
    count = client.messages.count_tokens(model=MODEL, system="Be brief.", messages=HELLO)
    assert count.input_tokens == whole.usage.input_tokens + whole.usage.cache_read_input_tokens, (count, whole.usage)
    begun = client.messages.create(
        model=MODEL, max_tokens=8, messages=HELLO + [{"role": "assistant", "content": "Hello, dear"}], **greedy)
    assert begun.content[0].text
    stop = whole.content[0].text[3:6]
    stopped = client.messages.create(model=MODEL, max_tokens=24, system="Be brief.", messages=HELLO, stop_sequences=["#", stop], **greedy)
    assert stopped.stop_reason == "stop_sequence" and stopped.stop_sequence == stop, stopped


@check
def anthropic_errors():
    import anthropic
    client = anthropic_client()
    for fields, kind in [({"model": "none"}, anthropic.NotFoundError), ({"max_tokens": 0}, anthropic.BadRequestError),
                         ({"tool_choice": {"type": "tool", "name": "x"}}, anthropic.BadRequestError)]:
        try:
            client.messages.create(**{"model": MODEL, "max_tokens": 4, "messages": HELLO, **fields})
            raise AssertionError(f"{fields} was taken")
        except kind as error:
            assert error.body["type"] == "error" and error.body["error"]["message"], error.body


@check
def ollama_chat():
    import ollama
    client = ollama.Client(host=BASE)
    options = {"num_predict": 16, "temperature": 0}
    whole = client.chat(model=MODEL, messages=HELLO, options=options)
    assert whole.message.content and whole.eval_count > 0
    parts = list(client.chat(model=MODEL, messages=HELLO, options=options, stream=True))
    assert "".join(p.message.content for p in parts) == whole.message.content and parts[-1].done
    generated = client.generate(model=MODEL, prompt="Say hello.", options=options)
    assert generated.response
    person = client.chat(model=MODEL, messages=[{"role": "user", "content": "Invent a person."}], format=SCHEMA, options={"num_predict": 200})
    assert set(json.loads(person.message.content)) == {"name", "age"}
    assert any(m.model.split(":")[0] == MODEL for m in client.list().models)
    listed = next(m for m in client.list().models if m.model.split(":")[0] == MODEL)
    shown = client.show(MODEL)
    assert shown.capabilities and shown.template and shown.modelinfo["general.architecture"] == shown.details.family, shown
    assert listed.size > 0 and len(listed.digest) == 64 and listed.modified_at.year > 2000 and listed.details == shown.details, listed
    assert any(m.context_length > 0 and m.expires_at > listed.modified_at for m in client.ps().models)
    try:
        client.pull("anything")
        raise AssertionError("a pull was taken")
    except ollama.ResponseError as error:
        assert error.status_code == 403


@check
def openai_agents():
    import agents
    from agents import Agent, Runner
    import openai
    agents.set_tracing_disabled(True)
    client = openai.AsyncOpenAI(base_url=BASE + "/v1", api_key="none", max_retries=0)
    for kind in (agents.OpenAIResponsesModel, agents.OpenAIChatCompletionsModel):
        agent = Agent(
            name="helper", instructions="Be brief.", model=kind(model=MODEL, openai_client=client),
            model_settings=agents.ModelSettings(max_tokens=24, temperature=0))
        assert Runner.run_sync(agent, "Say hello.").final_output


@check
def litellm_deepseek():
    import litellm
    litellm.telemetry = False
    reply = litellm.completion(
        model="deepseek/" + MODEL, api_base=BASE, api_key="none", messages=HELLO, max_tokens=16, temperature=0)
    assert reply.choices[0].message.content
    text = "".join(c.choices[0].delta.content or "" for c in litellm.completion(
        model="deepseek/" + MODEL, api_base=BASE, api_key="none", messages=HELLO, max_tokens=16, temperature=0, stream=True))
    assert text == reply.choices[0].message.content


@check
def langchain():
    from langchain_openai import ChatOpenAI
    model = ChatOpenAI(model=MODEL, base_url=BASE + "/v1", api_key="none", max_tokens=24, temperature=0)
    reply = model.invoke("Say hello.")
    assert reply.content and reply.usage_metadata["output_tokens"] > 0
    assert "".join(c.content for c in model.stream("Say hello.")) == reply.content


@check
def llm_command():
    with tempfile.TemporaryDirectory() as home:
        with open(os.path.join(home, "extra-openai-models.yaml"), "w") as file:
            file.write(f"- model_id: local\n  model_name: {MODEL}\n  api_base: {BASE}/v1\n")
        llm = os.path.join(os.path.dirname(sys.executable), "llm")
        done = subprocess.run(
            [llm, "-m", "local", "-o", "max_tokens", "16", "Say hello."], env={**os.environ, "LLM_USER_PATH": home, "OPENAI_API_KEY": "none"},
            capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and done.stdout.strip(), done


failed = 0
for function in checks:
    name = function.__name__
    if CHOSEN and name not in CHOSEN:
        continue
    try:
        note = function()
        print(f"ok    {name}" + (f" ({note})" if note else ""), flush=True)
    except Exception as error:  # noqa: BLE001: every check is reported
        failed += 1
        print(f"FAIL  {name}: {type(error).__name__}: {str(error)[:600]}", flush=True)
sys.exit(1 if failed else 0)
