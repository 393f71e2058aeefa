#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Thirty clients of `make fleet', which print what they get and when they are
closed, and come back: clients.py URI CERTIFICATE"""
import asyncio
import ssl
import sys

import websockets


async def client(uri, tls, name):
    async for stream in websockets.connect(f"{uri}?client_id={name}", ssl=tls):
        try:
            async for message in stream:
                print(name, message, flush=True)
        except websockets.ConnectionClosed as closed:
            print(name, "closed:", closed, flush=True)


async def main():
    uri, certificate = sys.argv[1:]
    tls = ssl.create_default_context(cafile=certificate)
    names = ["alice"] + [f"c{i}" for i in range(1, 30)]
    await asyncio.gather(*(client(uri, tls, name) for name in names))


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
