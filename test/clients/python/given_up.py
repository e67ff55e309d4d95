"""A call that is given up ends at once, and the connection goes on: for the clients that can tell."""
import asyncio


async def give_up(client):
    try:
        await asyncio.wait_for(client.call_tool("run_stage", {"wait_seconds": 60}), 0.2)
        cancelled = False
    except (asyncio.TimeoutError, TimeoutError):
        cancelled = True
    return {"cancelled": cancelled, "after": bool((await client.call_tool("loop_status", {})).structured_content)}
