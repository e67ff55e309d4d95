"""Turns our tools into those of the OpenAI Agents SDK, strict where they can be, and calls the first one.

usage: agents_sdk.py SERVER CALLS, both JSON.
"""

import asyncio
import json
import re
import sys

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStdio, MCPUtil
from agents.tool_context import ToolContext


async def main(server, calls):
    async with MCPServerStdio(params=server, name="deft", client_session_timeout_seconds=60) as connected:
        agent = Agent(name="a", mcp_servers=[connected])
        functions = await MCPUtil.get_function_tools(
            connected, convert_schemas_to_strict=True, run_context=RunContextWrapper(context=None), agent=agent
        )
        told = {
            "tools": [function.name for function in functions],
            "strict": len([function for function in functions if function.strict_json_schema]),
            "lax": [function.name for function in functions if not function.strict_json_schema],
            "revision": connected.session.protocol_version,
            "prompts": [prompt.name for prompt in (await connected.list_prompts()).prompts],
        }
        by_name = {function.name: function for function in functions}

        async def call(name, given):
            # A strict call holds every argument: null where nothing is meant.
            every = dict.fromkeys(by_name[name].params_json_schema["properties"])
            text = json.dumps({**every, **given})
            context = ToolContext(context=None, tool_name=name, tool_call_id="1", tool_arguments=text)
            return str(await by_name[name].on_invoke_tool(context, text))

        told["planned"] = await call(*calls[0])
        told["plan_id"] = re.search(r'plan_id\W+([0-9a-f]{12})', told["planned"]).group(1)
        told["prompt"] = (await connected.get_prompt("run-deft-loop", {"platform": "docker"})).messages[0].content.text
        told["read"] = (await connected.read_resource("deft://reference/gates")).contents[0].text
        # Nobody is asked here, so the human's words are passed on.
        told["approved"] = await call("approve_plan", {"plan_id": told["plan_id"], "words": "yes, go ahead with this plan"})
        try:
            # A call that is given up ends at once, and the connection goes on.
            await asyncio.wait_for(call("run_stage", {"wait_seconds": 60}), 0.2)
            told["cancelled"] = False
        except (asyncio.TimeoutError, TimeoutError):
            told["cancelled"] = True
        told["after"] = "run_dir" in await call("loop_status", {})
        knobs = ["pretrained_model_sizes=2B"]
        told["flow"] = await call("submit_osmo", {"flow": "setup_pretrained", "dry_run": True, "knobs": knobs})
    print(json.dumps(told))


asyncio.run(main(json.loads(sys.argv[1]), json.loads(sys.argv[2])))
