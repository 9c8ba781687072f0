"""A TCP relay that passes bytes on in pieces of random sizes, cut anywhere, so that clients of any
language put the server's reading of records, and of frames in them, to the test.

Usage: cutter.py PORT TO-PORT      Prints a line when it listens, and ends with its input.
"""

import asyncio
import random
import sys

port, to = map(int, sys.argv[1:])
# Mostly small ones, and some that hold several records.
LARGEST = [3, 100, 1400, 20_000, 60_000]


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seed: int):
    """Until the end of the stream, which is passed on too."""
    cuts = random.Random(seed)
    try:
        while data := await reader.read(1 << 16):
            largest = cuts.choice(LARGEST)
            # So that the small ones take no minutes, only the front of what came is cut small.
            front = min(len(data), 200 * largest)
            at = 0
            while at < front:
                end = at + cuts.randint(1, largest)
                writer.write(data[at:end])
                await writer.drain()
                # To have it sent by itself.
                await asyncio.sleep(0)
                at = end
            writer.write(data[at:])
            await writer.drain()
        writer.write_eof()
    except ConnectionError:
        writer.close()


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    """One connection, both ways."""
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to)
    relay.count += 2
    await asyncio.gather(
        pass_on(reader, there_writer, relay.count), pass_on(there_reader, writer, relay.count + 1)
    )
    there_writer.close()
    writer.close()


async def main():
    """Serves until standard input ends."""
    relay.count = 0
    async with await asyncio.start_server(relay, "127.0.0.1", port):
        print(f"cuts what goes from port {port} to port {to}", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
