"""The environment: every problem at once, and exit code 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api_handler.limits import Limits, PublicChat
from api_handler.settings import SettingsError, load_settings


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return caught.value.problems


def test_nothing_set_is_enough() -> None:
    settings = load_settings({})
    assert settings.api_keys is None
    assert settings.table_name is None
    assert settings.public_chat is None
    assert settings.limits == Limits()
    assert settings.model_kind == "bedrock"
    assert list(settings.registry.agents) == ["assistant", "site-guide", "analyst", "operations"]
    assert settings.metric_namespace == "Orchestrator"


def test_everything_set(tmp_path: Path) -> None:
    agents = tmp_path / "agents.toml"
    agents.write_text(
        '[[agents]]\nid = "a"\nname = "A"\ndescription = "d"\nsystem_prompt = "s"\n'
        'capabilities = [{ name = "n", description = "d" }]\nmodel = "m"\ntools = ["calculate"]\n'
        "limits = { turns = 2, usd = 0.1 }\ninference = { temperature = 0, top_p = 0.5 }\n"
    )
    settings = load_settings(
        {
            "API_KEYS": '[{"name":"a","key":"k","rpm":60,"daily_usd":5,"expires_at":null}]',
            "ORIGIN_VERIFY": '["v"]',
            "TABLE_NAME": "table",
            "BEDROCK_MODELS": '["x.y-v1:0", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x"]',
            "PUBLIC_CHAT": '{"ip_rpm": 1, "session_turns": 2, "daily_usd": 0.5, "origins": ["https://a.example"]}',
            "LIMITS": '{"turns": 3, "seconds": 1.5, "output_tokens": 100, "usd": 0.2}',
            "AGENTS_FILE": str(agents),
            "LOG_PROMPTS": "true",
            "MAX_CONCURRENCY": "7",
        }
    )
    assert settings.public_chat == PublicChat(
        ip_rpm=1, session_turns=2, daily_usd=0.5, origins=("https://a.example",)
    )
    agent = settings.registry.default
    assert agent.inference == {"temperature": 0, "topP": 0.5}
    assert agent.limits.within(settings.limits) == Limits(turns=2, seconds=1.5, output_tokens=100, usd=0.1)
    assert (settings.log_prompts, settings.max_concurrency) == (True, 7)


def test_all_problems_come_at_once() -> None:
    found = problems(
        API_KEYS="{",
        ORIGIN_VERIFY='"x"',
        API_KEY_SECRET_ARN="nonsense",
        TABLE_NAME="!",
        BEDROCK_MODELS="[]",
        PUBLIC_CHAT='{"ip_rpn": 1}',
        LIMITS='{"turns": 0, "hours": 1}',
        AGENTS_FILE="/does/not/exist.toml",
        LOG_PROMPTS="perhaps",
        MODEL="gpt",
        MAX_CONCURRENCY="-1",
    )
    keys = [problem.split()[0] for problem in found]
    assert keys == [
        "BEDROCK_MODELS", "API_KEYS", "API_KEY_SECRET_ARN", "ORIGIN_VERIFY", "TABLE_NAME", "MODEL",
        "PUBLIC_CHAT", "LIMITS", "AGENTS_FILE", "LOG_PROMPTS", "MAX_CONCURRENCY",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{}", "must be a JSON list"),
        ('[{"name": "a"}]', "[0] key: must be"),
        ('[{"key": "SECRET"}]', "[0] name: must be"),
        ('[{"name": "a", "key": ""}]', "[0] key: must be"),
        ('[{"name": "a", "key": "SECRET", "rpm": 0}]', "[0] rpm: must be"),
        ('[{"name": "a", "key": "SECRET", "rpm": true}]', "[0] rpm: must be"),
        ('[{"name": "a", "key": "SECRET", "daily_usd": -1}]', "[0] daily_usd: must be"),
        ('[{"name": "a", "key": "SECRET", "daily_usd": NaN}]', "NaN"),
        ('[{"name": "a", "key": "SECRET", "expires_at": "tomorrow"}]', "[0] expires_at: must be"),
        ('[{"name": "a", "key": "SECRET", "expires_at": "2026-13-01T00:00:00Z"}]', "[0] expires_at: must be"),
        ('[{"name": "a", "key": "SECRET", "expires_at": 5}]', "[0] expires_at: must be"),
        ('[{"name": "a", "key": "SECRET", "rate": 5}]', "[0] has an unknown field"),
        ('[{"name": "a", "key": "SECRET"}, {"name": "b", "key": "SECRET"}]', "key of another name"),
        ('[{"name": "a", "name": "b", "key": "SECRET"}]', "same key twice"),
        ("[SECRET]", "not valid JSON"),
        ("[" * 5000, "not valid JSON"),
        ('["SECRET"]', "[0] must be an object"),
    ],
)
def test_keys_are_never_quoted(value: str, said: str) -> None:
    (problem,) = problems(API_KEYS=value)
    assert problem.startswith("API_KEYS ")
    assert said in problem or "nested too deeply" in problem
    assert "SECRET" not in problem


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LIMITS", '{"turns": 1.5}'),
        ("LIMITS", '{"turns": true}'),
        ("LIMITS", '{"seconds": 0}'),
        ("LIMITS", '{"seconds": 1e999}'),
        ("LIMITS", '{"usd": "1"}'),
        ("LIMITS", "[]"),
        ("PUBLIC_CHAT", '{"origins": ["https://a.example/path"]}'),
        ("PUBLIC_CHAT", '{"origins": ["*"]}'),
        ("PUBLIC_CHAT", '{"origins": "https://a.example"}'),
        ("PUBLIC_CHAT", '{"daily_usd": 0}'),
        ("ORIGIN_VERIFY", "[]"),
        ("ORIGIN_VERIFY", '[""]'),
        ("ORIGIN_VERIFY", "[1]"),
        ("BEDROCK_MODELS", '["a b"]'),
        ("BEDROCK_MODELS", "[1]"),
        ("BEDROCK_MODELS", '"a"'),
    ],
)
def test_wrong_values(key: str, value: str) -> None:
    (problem,) = problems(**{key: value})
    assert problem.startswith(f"{key} ")


def test_an_agents_file_with_many_problems(tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    path.write_text(
        '[[agents]]\nid = "Bad Id"\nname = ""\ndescription = "d"\nsystem_prompt = "s"\ncolor = "red"\n'
        'tools = ["rm"]\nlimits = { turns = -1 }\ninference = { temperature = 3 }\n'
        '[[agents]]\nid = "b"\nname = "b"\ndescription = "b"\nsystem_prompt = "b"\n'
        '[[agents]]\nid = "b"\nname = "b"\ndescription = "b"\nsystem_prompt = "b"\n'
    )
    found = "\n".join(problems(AGENTS_FILE=str(path)))
    for part in (
        "'color'",
        "id: must",
        "name: must",
        "tools: 'rm'",
        "turns: must",
        "temperature: must",
        "twice",
    ):
        assert part in found
    path.write_text("not toml")
    assert "not valid TOML" in problems(AGENTS_FILE=str(path))[0]
    path.write_bytes(b"\xff")
    assert "not valid TOML" in problems(AGENTS_FILE=str(path))[0]


def test_the_process_says_all_and_exits_2() -> None:
    environ = {**os.environ, "API_KEYS": "[SECRET", "LIMITS": "x", "PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-m", "api_handler", "--port", "0"],
        env=environ, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "API_KEYS is not valid JSON" in done.stderr
    assert "LIMITS is not valid JSON" in done.stderr
    assert "SECRET" not in done.stderr
    assert "Traceback" not in done.stderr


def test_version_is_the_projects() -> None:
    import tomllib

    from api_handler import __version__

    assert tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"] == __version__
    assert json.loads(Path("api_handler/openapi.json").read_text())["info"]["version"] == __version__
