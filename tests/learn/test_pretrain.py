"""A tiny GPT-2 from scratch: it learns, its folder loads; and the shipped two."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerState

from hitl.config.pretrain import PretrainConfig
from hitl.data.rows import DataError
from hitl.errors import UsageError
from hitl.learn.pretrain import collate, edges, encode, nats, pieces, pretrain
from hitl.learn.scratch import TokenBatches, quiet
from hitl.learn.tokenizers import bert_tokenizer, gpt2_tokenizer

ROOT = Path(__file__).parents[2]
THINGS = ["酒店", "房间", "屏幕", "早餐", "电影", "这本书"]
WORDS = ["很好", "不错", "太差了", "一般", "很贵", "舒服"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    dice = random.Random(0)
    lines = [
        f"{dice.choice(THINGS)}{dice.choice(WORDS)}，{dice.choice(THINGS)}{dice.choice(WORDS)}。{i}"
        for i in range(200)
    ]
    path = tmp_path / "reviews.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def small(corpus: Path, out: Path, **changes: object) -> PretrainConfig:
    config = PretrainConfig(
        corpus=str(corpus),
        lang="zh",
        out=out,
        steps=40,
        warmup_steps=4,
        batch_tokens=512,
        layers=2,
        width=32,
        heads=2,
        positions=64,
        max_tokens=32,
        vocab=400,
        lr=1e-2,
        dropout=0.0,
        precision="fp32",
        device="cpu",
        save_every=20,
        eval_every=20,
    )
    return replace(config, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_it_learns_and_its_folder_loads(corpus: Path, tmp_path: Path, optimizer: str) -> None:
    lines: list[str] = []
    out = tmp_path / "model"
    result = pretrain(small(corpus, out, optimizer=optimizer), report=lines.append)

    assert result.heldout is not None
    # Uniform guessing over the ~70 tokens would be 4.2; only the choice of words is left to chance.
    assert result.heldout.per_token < 2.0
    assert lines and lines[-1].startswith("step 40/40  per_token")
    assert not out.with_name("model.training").exists()
    assert not [p for p in out.rglob("*") if p.suffix in {".bin", ".pt", ".pkl", ".pth"}]

    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    assert type(tokenizer).__name__.startswith("BertTokenizer")
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    config = model.config
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (
        tokenizer.cls_token_id,
        tokenizer.sep_token_id,
        tokenizer.pad_token_id,
    )
    assert model.generation_config.eos_token_id == tokenizer.sep_token_id
    assert config.use_cache
    again = nats(model, tokenizer, [line for line in corpus.read_text("utf-8").split("\n")], 32)
    assert again.per_token == pytest.approx(result.heldout.per_token, abs=0.15)


def test_a_model_goes_on_from_a_general_one(corpus: Path, tmp_path: Path) -> None:
    more = tmp_path / "news.txt"
    more.write_text("\n".join(f"今天的新闻是第{i}条。" for i in range(100)), encoding="utf-8")
    general, own = tmp_path / "general", tmp_path / "own"
    first = pretrain(small(corpus, general, also=str(more)))
    alone = pretrain(small(corpus, tmp_path / "alone"))
    assert first.texts == alone.texts + 100
    second = pretrain(small(corpus, own, init=general, dropout=0.2, layers=1, width=16, lr=3e-3))
    assert first.heldout and second.heldout
    assert second.heldout.per_token < first.heldout.per_token
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        assert (own / name).read_text("utf-8") == (general / name).read_text("utf-8")
    model = AutoModelForCausalLM.from_pretrained(own)
    assert (model.config.n_layer, model.config.n_embd, model.config.resid_pdrop) == (2, 32, 0.2)
    assert model.config.use_cache and model.generation_config.use_cache


def test_english_starts_and_ends_with_the_same_token(tmp_path: Path) -> None:
    corpus = tmp_path / "en.txt"
    corpus.write_text("\n".join(f"The film is good {i} times." for i in range(120)))
    out = tmp_path / "model"
    pretrain(small(corpus, out, lang="en", steps=4))
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    assert edges(tokenizer) == (tokenizer.eos_token_id, tokenizer.eos_token_id)
    assert model.config.bos_token_id == model.config.eos_token_id == tokenizer.eos_token_id
    text = "The film isn't good — déjà vu 好."
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_an_interrupted_run_goes_on_and_other_options_are_refused(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrain(small(corpus, tmp_path / "whole"))

    import hitl.learn.pretrain as module

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(module, "save_fp16", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pretrain(small(corpus, out))
    work = out.with_name("model.training")
    newest = max(work.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    # As if it had been stopped half way.
    for path in sorted(newest.rglob("*")):
        path.unlink()
    newest.rmdir()
    with pytest.raises(ValueError, match=r"unfinished run with other options.*delete the folder"):
        pretrain(small(corpus, out, lr=2e-2))
    texts = corpus.read_text("utf-8")
    corpus.write_text(texts[: len(texts) // 2], "utf-8")
    with pytest.raises(UsageError, match=r"unfinished run on other data.*delete the folder"):
        pretrain(small(corpus, out))
    corpus.write_text(texts, "utf-8")
    (work / "data.sha256").unlink()  # an earlier version kept none
    resumed = pretrain(small(corpus, out))
    assert resumed.heldout == whole.heldout


@pytest.mark.parametrize("taken", ["folder", "file"])
def test_what_is_there_already_is_not_overwritten(corpus: Path, tmp_path: Path, taken: str) -> None:
    out = tmp_path / "run"
    if taken == "folder":
        out.mkdir()
    mine = out / "config.json" if taken == "folder" else out
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"run is there already: another --out, or remove it"):
        pretrain(small(corpus, out))
    assert mine.read_text() == "mine" and not out.with_name("run.training").exists()


def test_an_empty_folder_is_filled(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    pretrain(small(corpus, out, steps=4))
    assert (out / "model.safetensors").is_file()


def test_a_run_stopped_while_its_tokeniser_is_written_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hitl.learn.pretrain as module

    make, out = module.bert_tokenizer, tmp_path / "model"

    def torn(*given: Any) -> Any:
        tokenizer = make(*given)

        def half(folder: Path) -> None:
            (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {', "utf-8")
            raise KeyboardInterrupt

        tokenizer.save_pretrained = half  # type: ignore[method-assign, assignment]
        return tokenizer

    with monkeypatch.context() as patch:
        patch.setattr(module, "bert_tokenizer", torn)
        with pytest.raises(KeyboardInterrupt):
            pretrain(small(corpus, out, steps=4))
    pretrain(small(corpus, out, steps=4))
    assert (out / "model.safetensors").is_file()


def test_a_run_stopped_while_its_model_is_written_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hitl.learn.pretrain as module

    save = module.save_fp16

    def stopped(*given: Any) -> None:
        save(*given)
        raise KeyboardInterrupt

    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(module, "save_fp16", stopped)
        with pytest.raises(KeyboardInterrupt):
            pretrain(small(corpus, out))
    said: list[str] = []
    pretrain(small(corpus, out), said.append)
    assert (out / "model.safetensors").is_file()
    assert not any(line.startswith("step 20/40") for line in said), "it began again"


def test_a_run_killed_while_it_wrote_a_checkpoint_goes_on_from_the_one_before(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrain(small(corpus, tmp_path / "whole"))
    out = tmp_path / "model"
    save = TrainerState.save_to_json

    def killed(self: TrainerState, path: str) -> None:
        if "checkpoint-40" in path:
            raise KeyboardInterrupt
        save(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(TrainerState, "save_to_json", killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(small(corpus, out))
    said: list[str] = []
    resumed = pretrain(small(corpus, out), said.append)
    assert resumed.heldout == whole.heldout
    assert not any(line.startswith("step 20/40") for line in said), "it began again"


def test_a_text_that_does_not_fit_is_cut_and_has_no_end_token() -> None:
    tokenizer = bert_tokenizer(["今天天气很好"] * 3, 300, 32)
    start, end = edges(tokenizer)
    assert encode("今天天气", tokenizer, 32) == [start, *tokenizer.encode("今天天气")[1:-1], end]
    cut = encode("今天天气很好", tokenizer, 4)
    assert len(cut) == 4 and end not in cut


@pytest.mark.parametrize("room", [3, 4, 5, 9, 32])
def test_nothing_of_a_long_text_is_lost_to_the_training(room: int) -> None:
    tokenizer = bert_tokenizer(["今天天气很好"] * 2, 300, 64)
    start, end = edges(tokenizer)
    found = pieces("今天天气很好", tokenizer, room)
    assert all(piece[0] == start and 1 < len(piece) <= room for piece in found)
    ids = [token for piece in found for token in piece[1:]]
    assert ids == [*tokenizer.encode("今天天气很好", add_special_tokens=False), end]


def test_characters_are_counted_as_they_stand_in_the_text() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    for make in (bert_tokenizer, gpt2_tokenizer):
        tokenizer = make(["今天 ok 天气很好"] * 3, 300, 64)
        model = GPT2LMHeadModel(
            GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=1, n_positions=64)
        )
        with quiet():
            figures = nats(model, tokenizer, ["今天 ok", "天气"], 64)
        assert figures.characters == (6 if make is bert_tokenizer else 7)
        assert figures.per_token * figures.tokens == pytest.approx(
            figures.per_character * figures.characters
        )


def test_padding_is_ignored_by_the_labels() -> None:
    batch = collate([{"input_ids": [5, 6, 7]}, {"input_ids": [8]}])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["labels"].tolist() == [[5, 6, 7], [8, -100, -100]]


def test_batches_stay_below_the_budget_and_change_with_the_epoch() -> None:
    dice = random.Random(0)
    lengths = [dice.randint(4, 60) for _ in range(300)]
    batches = TokenBatches(lengths, 512, seed=0)
    epochs = []
    for epoch in range(2):
        batches.set_epoch(epoch)
        epochs.append(list(batches))
        assert len(epochs[-1]) == len(batches)
        assert sorted(i for batch in epochs[-1] for i in batch) == list(range(300))
        # Shuffling may bring a text that is a fifth longer.
        assert all(len(b) * max(lengths[i] for i in b) <= 512 * 1.35 for b in epochs[-1])
    assert epochs[0] != epochs[1]
    batches.set_epoch(0)
    assert list(batches) == epochs[0]


def test_a_corpus_too_small_to_train_on_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("")
    with pytest.raises(DataError, match="is no data: it is empty"):
        pretrain(small(path, tmp_path / "out"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "--steps 0: give 1 or more"),
        ({"seed": -1}, "--seed -1: give 0 to 4294967295"),
        ({"lr": 0.0}, "--lr 0: give a number above 0"),
        ({"dropout": 1.0}, "--dropout 1: give 0 or more, below 1"),
        ({"width": 30, "heads": 4}, "--heads 4 do not divide --width 30"),
        ({"max_tokens": 65}, r"--max-tokens 65: give 8 to 64 \(--positions\)"),
        ({"batch_tokens": 16}, "too few for one text"),
        ({"vocab": 5}, "--vocab 5: give 300 or more"),
        ({"warmup_steps": 41}, r"--warmup-steps 41: give 0 to 40 \(--steps\)"),
        ({"lang": "fr"}, "--lang 'fr': choose zh or en"),
        ({"weight_decay": -1.0}, "--weight-decay -1: give 0 or more"),
    ],
)
def test_bad_options_are_refused_with_a_reason(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        small(tmp_path, tmp_path, **change)


# --- the shipped ones ---------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_shipped_policy_loads_and_writes(lang: str) -> None:
    folder = ROOT / "checkpoints" / f"tiny-{lang}"
    assert (folder / "model.safetensors").stat().st_size < 15e6
    assert (folder / "README.md").is_file()
    assert not [
        p for p in folder.iterdir() if p.suffix not in {".json", ".safetensors", ".md", ".txt"}
    ]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert 5e6 < model.num_parameters() < 7e6
    start, end = edges(tokenizer)
    assert (model.config.bos_token_id, model.config.eos_token_id) == (start, end)
    assert model.generation_config.eos_token_id == end
    assert model.generation_config.use_cache
    assert model.config.vocab_size == len(tokenizer)

    prompts = [
        line
        for line in (ROOT / "prompts" / f"{lang}.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert len(prompts) >= 40
    assert len(set(prompts)) == len(prompts)
    torch.manual_seed(0)
    for prompt in prompts[:4]:
        ids = torch.tensor([[start, *tokenizer.encode(prompt, add_special_tokens=False)]])
        for sample in (False, True):
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=sample,
                top_k=0,
                max_new_tokens=24,
                pad_token_id=model.config.pad_token_id,
            )
            text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
            assert text.strip()
    if lang == "zh":
        assert prompts[:4] == [
            "刚收到货，感觉",
            "这部电影很",
            "说实话，真的很",
            "这次购物总的来说体验很",
        ]
        for prompt in prompts:
            assert tokenizer.unk_token_id not in tokenizer.encode(prompt)


@pytest.mark.parametrize(
    ("lang", "sense", "nonsense"),
    [
        ("zh", "房间很干净，服务员的态度也很好。", "净员务好很也，的度间态干房服。很"),
        ("en", "The film is funny and well acted.", "acted The well funny film and is."),
    ],
)
def test_the_shipped_policy_prefers_sense_to_its_letters_shuffled(
    lang: str, sense: str, nonsense: str
) -> None:
    folder = ROOT / "checkpoints" / f"tiny-{lang}"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    good, bad = (nats(model, tokenizer, [text], 64).per_token for text in (sense, nonsense))
    assert good + 1.0 < bad
