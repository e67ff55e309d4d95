"""Does what a host does with FastMCP's client, and prints what came of it as one JSON object.

usage: fast.py SERVER CALLS, both JSON.
"""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from given_up import give_up


async def main(server, calls):
    told = {"asked": [], "progress": 0, "calls": {}}

    async def elicit(message, response_type, _params, _context):
        told["asked"].append(message)
        return response_type(approve=True)

    async def progress(_value, _total, _message):
        told["progress"] += 1

    transport = StdioTransport(command=server["command"], args=server["args"], env=server["env"])
    async with Client(transport, elicitation_handler=elicit, progress_handler=progress) as client:
        told["tools"] = [tool.name for tool in await client.list_tools()]
        told["resources"] = [str(resource.uri) for resource in await client.list_resources()]
        told["unread"] = [uri for uri in told["resources"] if not await client.read_resource(uri)]
        told["read"] = not told["unread"]
        told["revision"] = client.protocol_version
        told["prompts"] = [prompt.name for prompt in await client.list_prompts()]
        prompt = await client.get_prompt("run-deft-loop", {"platform": "docker"})
        told["prompt"] = prompt.messages[0].content.text
        reference = {"type": "ref/prompt", "name": "run-deft-loop"}
        from mcp_types import PromptReference

        completed = await client.complete(PromptReference(**reference), {"name": "platform", "value": "emb"})
        told["completed"] = completed.values
        for name, given in calls:
            arguments = {key: told.get(value[1:]) if str(value).startswith("$") else value for key, value in given.items()}
            result = await client.call_tool(name, arguments, raise_on_error=False)
            text = next((block.text for block in result.content if block.type == "text"), "")
            told["calls"][name] = {"error": bool(result.is_error), "text": text[:200]}
            structured = result.structured_content or {}
            told.update({key: structured[key] for key in ("plan_id", "run_dir") if key in structured})
        told.update(await give_up(client))
    print(json.dumps(told))


asyncio.run(main(json.loads(sys.argv[1]), json.loads(sys.argv[2])))
