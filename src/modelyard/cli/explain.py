"""``modelyard explain``: where a request goes, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, console, fail, print_json, table
from modelyard.cli.running_yard import HomeOption, admin_at, ask, running_yard
from modelyard.control.explain_request import as_clients_write


def explain(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model to ask for (makes a small chat request).")
    ] = None,
    prompt: Annotated[str, typer.Option("--prompt", help="User message of that chat request.")] = "Hello",
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", help="Request body; @FILE reads it from a file, @- from standard input."),
    ] = None,
    path: Annotated[str, typer.Option("--path", help="Request path.")] = "/v1/chat/completions",
    method: Annotated[
        str | None, typer.Option("--method", "-X", help="Method (default POST with a body, else GET).")
    ] = None,
    header: Annotated[list[str] | None, typer.Option("--header", "-H", help="'Name: value' (repeatable).")] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            "--gateway",
            "--pool",
            "-g",
            help="Gateway (the first by default), or InferencePool of an endpoint picker (by default each one until one"
            " has the model), as namespace/name or name.",
        ),
    ] = None,
    admin: Annotated[
        str | None,
        typer.Option(
            "--admin", help="ADDR:PORT of the admin API to ask (modelyard epp --admin), in place of the home's."
        ),
    ] = None,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the route, the candidates, each policy's score, the pick and why, without sending the request.

    Examples:

      modelyard explain --model demo-llama

      modelyard explain -d @request.json -H 'Host: models.example.com' --output json

      modelyard explain --model demo-llama --admin 127.0.0.1:9902 --pool my-pool
    """
    if model is None and data is None and path == "/v1/chat/completions":
        fail("say which request: --model NAME, or --data BODY, or --path PATH.", ExitCode.USAGE)
    body = _body(model, prompt, data)
    asked = {
        "method": method or ("POST" if body else "GET"),
        "path": path,
        "headers": [_header(text) for text in header or ()],
        "body": body,
        "gateway": gateway,
    }
    answer = ask(admin_at(admin) if admin else running_yard(home), "/api/explain", asked)
    if output is Output.JSON:
        print_json(answer)
    else:
        _show(answer)


def _body(model: str | None, prompt: str, data: str | None) -> str:
    if data is None:
        if model is None:
            return ""
        return as_clients_write({"model": model, "messages": [{"role": "user", "content": prompt}]})
    if not data.startswith("@"):
        return data
    try:
        return sys.stdin.read() if data == "@-" else Path(data[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        fail(f"--data {data}: {problem}", ExitCode.USAGE)


def _header(text: str) -> list[str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        fail(f"--header {text!r}: write it as 'Name: value'.", ExitCode.USAGE)
    return [name.strip(), value.strip()]


def _show(answer: dict[str, Any]) -> None:
    request, route = answer["request"], answer["route"]
    rows = table("", "")
    rows.show_header = False
    rows.add_row("request", f"{request['method']} {request['path']}  host {request['host'] or '-'}")
    if request["listener"]:
        rows.add_row("listener", request["listener"])
    rows.add_row("model", _models(request["model"], answer["engineModel"]))
    rows.add_row("route", f"{route['name']} rule {route['ruleName'] or route['rule']}" if route else "none")
    rows.add_row("backend", answer["backend"] or "-")
    rows.add_row("priority", str(answer["priority"]))
    console.print(rows)
    why = answer.get("why")
    if why:
        console.print()
        console.print(_candidates(why, answer.get("pick")))
        console.print(f"\nprofile {why['profile']}, {why['picker']}; a score is weight x value, value in 0..1")
    if "pick" in answer:
        console.print(f"[bold green]pick[/] {', then '.join(answer.get('picks', [answer['pick']]))}")
    elif "waits" in answer:
        waits = answer["waits"]
        places = ", ".join(waits["endpoints"]) or "-"
        console.print(f"[bold yellow]waits[/] until {waits['until']} (expected on {places})")
    else:
        refusal = answer["answer"]
        console.print(f"[bold yellow]answer[/] {refusal['status']} {refusal['reason'] or ''}  {refusal['body']}")


def _models(asked: str | None, target: str | None) -> str:
    if not asked:
        return "-"
    return asked if not target or target == asked else f"{asked} (served as {target})"


def _candidates(why: dict[str, Any], pick: str | None) -> Any:
    policies = list(dict.fromkeys(score["policy"] for candidate in why["candidates"] for score in candidate["scores"]))
    rows = table("", "ENDPOINT", "ADDRESS", *policies, "TOTAL", "DROPPED BY")
    for candidate in why["candidates"]:
        scores = {score["policy"]: score for score in candidate["scores"]}
        rows.add_row(
            "→" if candidate["endpoint"] == pick else "",
            candidate["name"],
            candidate["endpoint"],
            *(
                f"{scores[name]['weight']:g} x {scores[name]['score']:.2f}" if name in scores else ""
                for name in policies
            ),
            f"{candidate['total']:.2f}",
            candidate["droppedBy"] or "",
        )
    return rows
