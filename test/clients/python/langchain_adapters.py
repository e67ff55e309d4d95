"""Turns our tools, prompts and resources into LangChain's, calls two tools, and prints what came of it as one JSON object.

usage: langchain_adapters.py SERVER CALLS, both JSON.
"""

import asyncio
import json
import sys

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.types import ElicitResult


async def main(server, calls):
    told = {"asked": []}

    async def elicit(_context, params, _call):
        told["asked"].append(params.message)
        return ElicitResult(action="accept", content={"approve": True})

    callbacks = Callbacks(on_elicitation=elicit)
    client = MultiServerMCPClient({"deft": {"transport": "stdio", **server}}, callbacks=callbacks)
    async with client.session("deft") as session:
        tools = await load_mcp_tools(session, callbacks=callbacks, server_name="deft")
        told["tools"] = [tool.name for tool in tools]
        by_name = {tool.name: tool for tool in tools}
        (_, plan), (_, _approve) = calls[:2]
        planned = await by_name["preflight"].ainvoke(plan)
        told["planned"] = str(planned)
        plan_id = json.loads(planned[0]["text"] if isinstance(planned, list) else planned)["plan_id"]
        await by_name["approve_plan"].ainvoke({"plan_id": plan_id})
    prompt = await client.get_prompt("deft", "run-deft-loop", arguments={"platform": "docker"})
    told["prompt"] = prompt[0].content
    told["read"] = (await client.get_resources("deft", uris="deft://reference/gates"))[0].as_string()
    print(json.dumps(told))


asyncio.run(main(json.loads(sys.argv[1]), json.loads(sys.argv[2])))
