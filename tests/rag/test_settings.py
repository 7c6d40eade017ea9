"""Settings: where they come from, which wins, and what is refused by name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError
from tersus.compressors import Budget
from tersus.rag.settings import InvalidSettings, Settings, config_files, load_settings


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tersus.toml"
    monkeypatch.setenv("TERSUS_CONFIG", str(path))
    path.write_text("")
    return path


def test_the_defaults_need_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TERSUS_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.home == tmp_path / "tersus"
    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/tersus/tersus.db"
    assert settings.index_folder == tmp_path / "tersus" / "indexes"
    assert settings.embedded
    assert (settings.top_k, settings.compressor, settings.llm_model) == (8, "exit", "smollm2")
    assert settings.budget == Budget()
    assert settings.budget.adaptive


def test_arguments_win_over_the_environment_which_wins_over_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('top_k = 3\ncompressor = "none"\nllm_model = "from-file"')
    monkeypatch.setenv("TERSUS_TOP_K", "4")
    monkeypatch.setenv("TERSUS_LLM_MODEL", "from-environment")
    settings = load_settings(llm_model="from-argument", top_k=None)
    assert (settings.compressor, settings.top_k, settings.llm_model) == ("none", 4, "from-argument")


def test_the_file_is_the_named_one_or_that_of_the_current_folder(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "tersus.toml").write_text("top_k = 5")
    monkeypatch.chdir(here)
    assert config_files() == [config]
    assert load_settings().top_k == 8
    monkeypatch.delenv("TERSUS_CONFIG")
    assert load_settings().top_k == 5
    (here / "tersus.toml").unlink()
    assert config_files() == []
    monkeypatch.setenv("TERSUS_CONFIG", "gone.toml")
    with pytest.raises(InvalidSettings, match=r"gone\.toml"):
        load_settings()


def test_the_file_is_read_in_full(config: Path) -> None:
    config.write_text(
        'database_url = "postgresql://host/name"\nmax_tokens = 300\ncompress_timeout = 2.5\n'
        '[prices."my-model"]\ninput = "0.1"\ncached = 0.05\nas_of = 2026-01-31\n'
    )
    settings = load_settings()
    price = settings.prices["my-model"]
    assert (settings.resolved_database_url, settings.embedded) == ("postgresql://host/name", False)
    assert settings.budget == Budget(max_tokens=300)
    assert settings.compress_timeout == 2.5
    assert (price.input, price.cached, str(price.as_of)) == (Decimal("0.1"), Decimal("0.05"), "2026-01-31")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("topk = 3", "topk"),
        ("[llm]\nmodel = 'x'", "llm"),
        ("top_k = 0", "top_k"),
        ("top_k = 'many'", "top_k"),
        ("ratio = 0.0", "ratio"),
        ("ratio = 1.5", "ratio"),
        ("ratio = nan", "ratio"),
        ("compress_timeout = inf", "compress_timeout"),
        ("llm_timeout = 0", "llm_timeout"),
        ("llm_timeout = 1e12", "llm_timeout"),
        ("max_file_mb = inf", "max_file_mb"),
        ("llm_context_window = 10", "llm_context_window"),
        ("ratio = 0.5\nmax_tokens = 10", "ratio or max_tokens, not both"),
        ("risk = 1", "risk"),
        ("risk = 0.1\nratio = 0.5", "ratio or risk, not both"),
        ("risk = 0.1\nratio = 0.5\nmax_tokens = 9", "ratio or max_tokens or risk, not all"),
        ("[prices.m]\ninput = -1", "prices.m.input"),
        ("[prices.m]\ninput = '1'\nprize = '2'", "prices.m.prize"),
        ("top_k = ", "cannot be read"),
        ("top_k = 3\ntop_k = 4", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named(config: Path, text: str, named: str) -> None:
    config.write_text(text)
    with pytest.raises(InvalidSettings, match=named) as caught:
        load_settings()
    assert caught.value.code == "invalid_settings"


def test_a_file_in_another_encoding_cannot_be_read(config: Path) -> None:
    config.write_bytes(b'compressor = "\xff\xfe"')
    with pytest.raises(InvalidSettings, match="cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"), [("TERSUS_RATIO", "half"), ("TERSUS_PRICES", "{"), ("TERSUS_TOP_K", "2.5")]
)
def test_a_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match=name.removeprefix("TERSUS_").lower()):
        load_settings()


def test_one_limit_in_a_variable_and_the_other_in_the_file_are_refused_together(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("ratio = 0.5")
    monkeypatch.setenv("TERSUS_MAX_TOKENS", "100")
    with pytest.raises(InvalidSettings, match="not both"):
        load_settings()


def test_a_risk_is_the_default_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_RISK", "0.05")
    assert load_settings().budget == Budget(risk=0.05)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RATIO", "DATABASE_URL", "LLM_BASE_URL", "LLM_API_KEY", "PRICES", "TOP_K"):
        monkeypatch.setenv(f"TERSUS_{name}", "")
    settings = load_settings()
    assert (settings.ratio, settings.database_url, settings.llm_base_url) == (None, None, None)
    assert (settings.llm_api_key, settings.prices, settings.top_k) == (None, {}, 8)
    assert settings.embedded
    assert load_settings(database_url="").embedded  # and so is an empty argument


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_LLM_API_KEY", "sk-hidden")
    settings = load_settings(database_url="postgresql://anna:hidden@host/name")
    assert "hidden" not in repr(settings) + str(settings)
    assert settings.llm_api_key is not None
    assert settings.llm_api_key.get_secret_value() == "sk-hidden"
    monkeypatch.setenv("TERSUS_TOP_K", "none")
    with pytest.raises(InvalidSettings) as caught:
        load_settings(database_url="postgresql://anna:hidden@host/name")
    assert "hidden" not in str(caught.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().top_k = 3


def test_compressors_have_options_of_their_own(config: Path) -> None:
    config.write_text('[compressors.exit]\nmodel = "mine"\nhops = 1')
    settings = load_settings()
    assert settings.options_of("exit") == {"model": "mine", "hops": 1}
    assert settings.options_of("none") == {}


def test_a_chain_has_its_stages_options_and_its_own(config: Path) -> None:
    config.write_text('[compressors.exit]\nhops = 1\n[compressors."exit+none"]\nshares = [0.5]')
    assert load_settings().options_of("exit+none") == {"exit": {"hops": 1}, "shares": [0.5]}
    assert load_settings().options_of("none+none") == {}
