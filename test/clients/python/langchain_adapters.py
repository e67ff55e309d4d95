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
    told = {"asked": [], "progress": 0}

    async def elicit(_context, params, _call):
        told["asked"].append(params.message)
        return ElicitResult(action="accept", content={"approve": True})

    async def progress(_value, _total, _message, _context):
        told["progress"] += 1

    callbacks = Callbacks(on_elicitation=elicit, on_progress=progress)
    client = MultiServerMCPClient({"deft": {"transport": "stdio", **server}}, callbacks=callbacks)
    async with client.session("deft", auto_initialize=False) as session:
        told["revision"] = (await session.initialize()).protocolVersion
        tools = await load_mcp_tools(session, callbacks=callbacks, server_name="deft")
        told["tools"] = [tool.name for tool in tools]
        by_name = {tool.name: tool for tool in tools}
        (_, plan), (_, _approve) = calls[:2]
        planned = await by_name["preflight"].ainvoke(plan)
        told["planned"] = str(planned)
        told["plan_id"] = json.loads(planned[0]["text"] if isinstance(planned, list) else planned)["plan_id"]
        await by_name["approve_plan"].ainvoke({"plan_id": told["plan_id"]})
        await by_name["run_stage"].ainvoke({"wait_seconds": 50})
        try:
            # A call that is given up ends at once, and the connection goes on.
            await asyncio.wait_for(by_name["run_stage"].ainvoke({"wait_seconds": 60}), 0.2)
            told["cancelled"] = False
        except (asyncio.TimeoutError, TimeoutError):
            told["cancelled"] = True
        told["after"] = "run_dir" in str(await by_name["loop_status"].ainvoke({}))
    prompt = await client.get_prompt("deft", "run-deft-loop", arguments={"platform": "docker"})
    told["prompt"] = prompt[0].content
    told["read"] = (await client.get_resources("deft", uris="deft://reference/gates"))[0].as_string()
    print(json.dumps(told))


asyncio.run(main(json.loads(sys.argv[1]), json.loads(sys.argv[2])))
