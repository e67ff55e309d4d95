"""Does what a host does with the Python SDK of the protocol, and prints what came of it as one JSON object.

usage: sdk.py MODE SERVER CALLS, where MODE is auto, legacy or a revision; SERVER and CALLS are JSON.
"""

import asyncio
import json
import sys

import mcp_types as types
from given_up import give_up
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError


def text_of(result):
    return next((block.text for block in result.content if block.type == "text"), "")


async def main(mode, server, calls):
    told = {"asked": [], "progress": [], "calls": {}}

    async def elicit(_context, params):
        told["asked"].append(params.message)
        return types.ElicitResult(action="accept", content={"approve": True})

    async def progress(value, _total, message):
        told["progress"].append([value, message])

    async with Client(StdioServerParameters(**server), mode=mode, elicitation_callback=elicit) as client:
        told["revision"] = client.protocol_version
        told["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        resources = (await client.list_resources()).resources
        told["resources"] = [str(resource.uri) for resource in resources]
        told["unread"] = [uri for uri in told["resources"] if not (await client.read_resource(uri)).contents]
        told["read"] = not told["unread"]
        told["templates"] = len((await client.list_resource_templates()).resource_templates)
        told["prompts"] = [prompt.name for prompt in (await client.list_prompts()).prompts]
        prompt = await client.get_prompt("run-deft-loop", {"platform": "docker"})
        told["prompt"] = prompt.messages[0].content.text
        reference = types.PromptReference(name="run-deft-loop")
        completed = await client.complete(reference, {"name": "platform", "value": "emb"})
        told["completed"] = completed.completion.values
        for name, given in calls:
            arguments = {key: told.get(value[1:]) if str(value).startswith("$") else value for key, value in given.items()}
            result = await client.call_tool(name, arguments, progress_callback=progress)
            told["calls"][name] = {"error": bool(result.is_error), "text": text_of(result)[:200]}
            structured = result.structured_content or {}
            told.update({key: structured[key] for key in ("plan_id", "run_dir") if key in structured})
        told.update(await give_up(client))
        try:
            await client.read_resource("deft://none")
        except MCPError as error:
            told["missing"] = error.error.code
    print(json.dumps(told))


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])))
