"""Checks the gateway and shows the state of the installation."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from cli import index
from cli.client.rest import Client
from cli.session import session


@click.command()
@click.option("--count", "-c", type=click.IntRange(1), default=1, show_default=True, help="Number of requests.")
@click.pass_context
def ping(ctx: click.Context, count: int) -> None:
    """Check whether the gateway responds, and how fast."""
    client = session.of(ctx).client()
    for _ in range(count):
        began = time.perf_counter()
        product = client.get("").get("product_info") or {}
        took = (time.perf_counter() - began) * 1000
        version = (product.get("version") or {}).get("full_version") or _version(product.get("version") or {})
        click.echo(f"{client.context.url} answered in {took:.0f} ms: {product.get('name', 'oVirt')} {version}")


@click.command()
@click.option("-o", "--output", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.")
@click.pass_context
def status(ctx: click.Context, form: str) -> None:
    """Show the state of the installation: object counts, objects with problems, running operations."""
    client = session.of(ctx).client()
    entry = client.get("")
    found: dict[str, Any] = {"url": client.context.url, "user": client.context.user, "version": "", **_summary(entry)}
    found["version"] = _version((entry.get("product_info") or {}).get("version") or {})
    found["not_well"] = {
        noun["rel"]: _names(client, noun["rel"], " or ".join(f"status = {status}" for status in noun["bad"]))
        for noun in index.nouns().values()
        if noun["bad"]
    }
    found["jobs"] = [str(job.get("description", "")) for job in client.items("/jobs", {"search": "status = started"})]
    if form == "json":
        click.echo(json.dumps(found, indent=2))
        return
    lines = [("gateway", f"{found['url']} ({found['version']})"), ("user", found["user"])]
    lines += [(name, text) for name, text in found["summary"].items()]
    lines += [(f"{rel} with problems", ", ".join(names) or "none") for rel, names in found["not_well"].items()]
    lines.append(("operations", "; ".join(found["jobs"]) or "none"))
    width = max(len(name) for name, _ in lines)
    click.echo("\n".join(f"{name:<{width}}  {text}" for name, text in lines))


def _summary(entry: dict[str, Any]) -> dict[str, Any]:
    counts = entry.get("summary") or {}
    return {
        "summary": {
            name: f"{one.get('active', '?')} active of {one.get('total', '?')}"
            for name, one in counts.items()
            if isinstance(one, dict)
        }
    }


def _names(client: Client, rel: str, search: str) -> list[str]:
    return [f"{one.get('name')} ({one.get('status')})" for one in client.items(f"/{rel}", {"search": search})]


def _version(version: dict[str, Any]) -> str:
    return str(
        version.get("full_version")
        or ".".join(str(version[key]) for key in ("major", "minor", "build") if key in version)
    )
