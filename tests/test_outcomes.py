"""What a comparison can count: the contract of every row, comparisons end to end by each, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.cli.summaries.comparison import print_comparison
from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.question.counting import check_countable
from skipwise.comparison.question.question import Question
from skipwise.comparison.report import evidence
from skipwise.comparison.report.markdown import markdown
from skipwise.comparison.report.page import write_report
from skipwise.comparison.results.choice import Limits, choose
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.results.ratios import ratio
from skipwise.comparison.results.records import Results
from skipwise.comparison.run.study import run_study
from skipwise.comparison.wording.answer import answer, excess
from skipwise.comparison.wording.notes import notes
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.options import declared
from skipwise.data.prepare import Request, prepare
from skipwise.data.splits import save_split
from skipwise.evaluation.calibration import calibration, confidence
from skipwise.evaluation.metrics import measure
from skipwise.evaluation.options import OutcomeOptions
from skipwise.evaluation.outcomes import OUTCOMES, outcome_of
from skipwise.training.folder.predictions import Predictions, write_predictions
from skipwise.training.folder.record import RunRecord, write_run
from skipwise.training.tuning.tuning import Tuning
from tests.contributing import run_example
from tests.fabricated import fabricate, write_comparison
from tests.test_study import MACHINE, Answering

CLASSES = ("ape", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")
IMAGES = 1600


ROWS = {name: row for name, row in OUTCOMES.items() if not row.variant} | {"cost": run_example("outcome").ROW}
"""The rows that read logits, and the one that CONTRIBUTING.md adds; test_variants.py has the others."""
CHOSEN = (*ROWS, "accuracy:classes=cat,dog", "log-loss:classes=bee", "balanced-accuracy:classes=ape,bee,cat")


@pytest.fixture(autouse=True)
def _with_the_documented_row(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(OUTCOMES, "cost", ROWS["cost"])
    outcome_of.cache_clear()
    yield
    outcome_of.cache_clear()


def answered(strength: float, *, classes: int = 8, images: int = IMAGES, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Logits and labels of a network that is the better the larger its strength is, and honest about it."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    labels[: images // 4] = 0  # one class is commoner
    hard = np.random.default_rng(99).normal(0, 1, (images, classes))  # what all networks find difficult
    noise = hard + 0.3 * rng.normal(0, 1, (images, classes))
    return (strength * (strength * np.eye(classes)[labels] + noise)).astype(np.float32), labels


@pytest.mark.parametrize("name", CHOSEN)
def test_every_outcome_scores_each_image_by_itself_and_prefers_the_better_network(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = outcome_of(name)
    poor, labels = answered(0.8)
    good, _ = answered(2.5, seed=1)
    scores = outcome.scores(good, labels)
    assert scores.shape == labels.shape
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    assert outcome.merit(scores.mean()) > outcome.merit(outcome.scores(poor, labels).mean())
    # Images may come in any order and number; only weights depend on which others there are.
    order = np.random.default_rng(5).permutation(len(labels))
    assert outcome.scores(good[order], labels[order]) == pytest.approx(scores[order], abs=1e-12)
    monkeypatch.setattr("skipwise.evaluation.outcomes.outcome.AT_ONCE", 100)
    assert np.array_equal(outcome.scores(good, labels), scores)
    if outcome.right_or_wrong:
        perfect = outcome.scores(np.eye(8)[labels], labels)
        assert perfect.mean() == pytest.approx(1)
        assert 0 <= scores.min() <= scores.mean() <= 1
        assert outcome.errors(scores).mean() == pytest.approx(1 - scores.mean())
    # Who knows only how common classes are is worse than who looks.
    counts = np.bincount(labels)
    counted = outcome.members(labels, CLASSES)
    constant = np.tile(np.log(counts / counts.sum()), (int(counted.sum()), 1))
    guessed = outcome.baseline(counts.tolist(), CLASSES)
    assert guessed == pytest.approx(outcome.scores(constant, labels[counted]).mean())
    assert outcome.merit(outcome.scores(good[counted], labels[counted]).mean()) > outcome.merit(guessed)
    outcome.check(counts.tolist(), CLASSES)
    outcome.check_margin(outcome.margin)


def test_the_help_and_the_page_name_every_outcome() -> None:
    help = declared(OutcomeOptions)["outcome"].help
    page = (Path(__file__).parents[1] / "docs" / "comparing.md").read_text()
    for name in set(OUTCOMES) - {"cost"}:
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", help)
        assert f"| `{name}` |" in page


def test_scores_are_what_the_literature_defines() -> None:
    logits = np.log([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.1, 0.6, 0.3]])
    labels = np.array([0, 0, 1])
    assert OUTCOMES["log-loss"].scores(logits, labels) == pytest.approx(-np.log([0.5, 0.2, 0.6]))
    assert OUTCOMES["brier"].scores(logits, labels) == pytest.approx([0.38, 0.98, 0.26])
    assert OUTCOMES["balanced-accuracy"].scores(logits, labels) == pytest.approx([0.75, 0, 1.5])
    assert OUTCOMES["log-loss"].scores(logits, labels).mean() == pytest.approx(measure(logits, labels).nll)
    six = np.tile(np.arange(6.0), (6, 1))
    assert OUTCOMES["top5-accuracy"].scores(six, np.arange(6)).tolist() == [0, 1, 1, 1, 1, 1]
    # Of equal ones the first count as the larger, as where the likeliest class is taken.
    assert OUTCOMES["top5-accuracy"].scores(np.zeros((6, 6)), np.arange(6)).tolist() == [1, 1, 1, 1, 1, 0]
    huge = np.array([[1e38, -1e38]], dtype=np.float32)
    assert np.isfinite(OUTCOMES["log-loss"].scores(huge, np.array([1]))).all()


class Graded(Answering):
    """An executor of runs that answer with a network's strength; larger is better. Every other seed is worse by
    `wobble`."""

    def __init__(self, home: Path, *, wobble: float = 0.0, **strengths: float) -> None:
        super().__init__(home, lambda spec: strengths[spec.model] - wobble * (spec.seed % 2))

    def run(self, job: Job) -> RunRecord:
        spec, folder = job.spec, self.home / job.folder
        folder.mkdir(parents=True, exist_ok=True)
        shift = {"resnet18": 0, "plain18": 1000, "se_resnet18": 2000}[spec.model]
        # Tried rates are the better the nearer they are to 0.1.
        strength = self.accuracy(spec) - abs(spec.recipe.lr - 0.1) * (spec.seed >= 1000)
        logits, labels = answered(strength, seed=1 + spec.seed + shift)
        ids = np.array([f"{number:05}.png" for number in range(IMAGES)])
        test = Predictions(ids, labels, logits)
        write_predictions(folder, {"val": test, "test": test})
        reached = measure(logits, labels)
        record = RunRecord(spec=spec, status="finished", val=reached, test=reached, seconds=1.0, machine=MACHINE)
        write_run(folder, record)
        return record


def make_plan(folder: Path, outcome: str, **changes: object) -> Plan:
    """A plan of two networks that answer as `answered` says, and its split."""
    plan = fabricate(("resnet18", "plain18"), tuned=False, exploratory=False, classes=CLASSES).plan
    question = replace(plan.question, looks=(5,), outcome=outcome, margin=outcome_of(outcome).margin)
    plan = replace(plan, question=question, split_images={"train": 100, "val": 10, "test": IMAGES}, **changes)
    _, labels = answered(1.0)
    folder.mkdir(exist_ok=True)
    save_split(
        folder / "split.csv",
        [f"{number:05}.png" for number in range(IMAGES)],
        [CLASSES[label] for label in labels],
        ["test"] * IMAGES,
        [""] * IMAGES,
    )
    return plan


def compared(folder: Path, outcome: str, **strengths: float) -> tuple[Plan, Results]:
    plan = make_plan(folder, outcome)
    return plan, collect(plan, folder, run_study(plan, folder, Graded(folder, **strengths)))


@pytest.mark.parametrize("name", CHOSEN)
def test_a_comparison_runs_end_to_end_by_every_outcome(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, results = compared(tmp_path, name, resnet18=2.2, plain18=0.7)
    (pair,) = results.pairs
    outcome = outcome_of(name)
    assert pair.verdict == "better"  # the better network, whichever way the scores go
    assert (pair.difference > 0) == outcome.higher_is_better
    counted = sum(results.class_images_that_count)
    assert pair.images == counted == int(outcome.members(answered(1.0)[1], CLASSES).sum())
    assert results.beaten() == {"plain18": "resnet18"}
    choice = choose(results, {"resnet18": 0.002, "plain18": 0.001})
    assert choice.candidate == "resnet18"
    assert choice.shown
    assert answer(results, choice).use.startswith(
        "Use resnet18: it is shown to be better than every other network, by at"
    )
    (times,) = results.ratios
    assert times.low < times.value < times.high < 1
    for candidate in results.candidates:
        assert candidate.outcome is not None
        assert candidate.outcome.low < candidate.outcome.value < candidate.outcome.high
        assert candidate.calibration is not None
    assert [candidate.name for _, candidate in evidence.ranked(results)] == ["resnet18", "plain18"]
    # Written, read back and shown by what reads them.
    write_sealed(tmp_path / "comparison.json", results)
    assert read_sealed(tmp_path / "comparison.json", Results) == results
    costs = replace(fabricate(("resnet18", "plain18")).costs, recommendation=choice)
    text = markdown(plan, results, costs)
    for words in (outcome.measure(), outcome.margin_text(outcome.margin), f"--outcome {name}"):
        assert words in text
    shown = Comparison(folder=tmp_path, plan=plan, results=results, costs=costs, repeated=False)
    print_comparison(shown, typed=["skipwise", "compare"])
    printed = capsys.readouterr().out
    for words in (
        f"{outcome.measure()} (95%)",
        f"{outcome.heading} (95% for all pairs)",
        outcome.value(results.candidates[0].outcome.value),
        outcome.difference(pair.difference),
    ):
        assert words in printed
    write_report(tmp_path / "report.html", plan, results, costs, {}, {}, {})
    page = (tmp_path / "report.html").read_text()
    assert f"{'Up' if outcome.higher_is_better else 'Down'} and to the left is better" in page
    assert outcome.value(results.candidates[0].outcome.value) in page
    assert 'id="calibration"' in page
    assert "None" not in re.sub("<script.*?</script>", "", page, flags=re.DOTALL)


def test_which_network_is_better_can_depend_on_what_counts(tmp_path: Path) -> None:
    """One that is right as often but too sure of itself has the worse log-loss."""

    class Boasting(Graded):
        def run(self, job: Job) -> RunRecord:
            record = super().run(job)
            folder = self.home / job.folder
            if job.spec.model == "plain18":
                logits, labels = answered(2.2, seed=1 + job.spec.seed)
                ids = np.array([f"{number:05}.png" for number in range(IMAGES)])
                test = Predictions(ids, labels, 4 * logits)
                write_predictions(folder, {"val": test, "test": test})
                write_run(folder, record)
            return record

    verdicts = {}
    for name in ("accuracy", "log-loss", "brier"):
        plan = make_plan(tmp_path / name, name)
        plan = replace(
            plan, question=replace(plan.question, margin=1.0 if name == "accuracy" else plan.question.margin)
        )
        executor = Boasting(tmp_path / name, resnet18=2.2, plain18=2.2)
        results = collect(plan, tmp_path / name, run_study(plan, tmp_path / name, executor))
        verdicts[name] = results.pairs[0].verdict
    assert verdicts == {"accuracy": "equivalent", "log-loss": "better", "brier": "better"}
    honest, boasting = (candidate.calibration for candidate in results.candidates)
    assert honest is not None
    assert boasting is not None
    assert honest.high < boasting.low


def test_no_interval_goes_below_the_least_loss_there_can_be(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, "log-loss")
    plan = replace(plan, question=replace(plan.question, looks=(2,)))
    results = collect(
        plan, tmp_path, run_study(plan, tmp_path, Graded(tmp_path, wobble=1.4, resnet18=2.5, plain18=2.2))
    )
    assert [c.outcome.low for c in results.candidates if c.outcome is not None] == [0.0, 0.0]


def test_a_loss_that_is_open_says_so_in_its_unit_and_goes_on(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, "log-loss")
    plan = replace(plan, question=replace(plan.question, looks=(3, 5), margin=0.01))
    executor = Graded(tmp_path, wobble=0.2, resnet18=2.2, plain18=2.15)
    results = collect(plan, tmp_path, run_study(plan, tmp_path, executor))
    assert results.pairs[0].verdict == "unresolved"
    assert len(executor.done) == 10  # both went on to the second look
    choice = choose(results, {})
    words = " ".join(answer(results, choice).sentences)
    assert re.search(r"If you must choose now, use \w+, which did best \(\d\.\d{4}\)", words)
    assert re.search(r"may be up to \d\.\d{3} nats worse than", words)
    assert choice.largest_loss is not None
    assert 0 < choice.largest_loss < 0.3


def test_who_is_beaten_by_a_loss_gets_no_more_runs(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, "log-loss")
    names = ("resnet18", "se_resnet18", "plain18")
    plan = replace(plan, question=replace(plan.question, candidates=names, looks=(3, 5), margin=0.01))
    executor = Graded(tmp_path, wobble=0.2, resnet18=2.2, se_resnet18=2.15, plain18=0.7)
    run_study(plan, tmp_path, executor)
    done = [job.spec.model for job in executor.done]
    assert {name: done.count(name) for name in names} == {"resnet18": 5, "se_resnet18": 5, "plain18": 3}


def test_rates_are_tuned_by_a_loss_downwards(tmp_path: Path) -> None:
    plan = replace(make_plan(tmp_path, "brier"), tuning=Tuning(rates=(0.1, 0.4), epochs=1, seed=1000))
    study = run_study(plan, tmp_path, Graded(tmp_path, resnet18=2.2, plain18=0.9))
    assert study.tuned == {"resnet18": {"lr": 0.1}, "plain18": {"lr": 0.1}}
    tried = evidence.tried(collect(plan, tmp_path, study))
    assert tried is not None
    assert tried["measure"] == "Validation Brier score"
    assert re.fullmatch(r"0\.\d{4}", tried["rows"][0]["cells"][0]["value"])


def test_limits_are_of_what_counts(tmp_path: Path) -> None:
    write_comparison(tmp_path / "by-accuracy")
    with pytest.raises(SkipwiseError, match="give --min-accuracy instead"):
        skipwise.recommend(tmp_path / "by-accuracy", max_loss=0.1)
    made = fabricate(outcome="log-loss", exploratory=False)
    folder = tmp_path / "by-loss"
    folder.mkdir()
    for name, record in (("plan", made.plan), ("comparison", made.results), ("costs", made.costs)):
        write_sealed(folder / f"{name}.json", record)
    (folder / "report.html").write_text("")
    with pytest.raises(SkipwiseError, match=r"counts test log-loss, of which less is better.*give --max-loss"):
        skipwise.recommend(folder, min_accuracy=0.9)
    with pytest.raises(SkipwiseError, match="--max-loss must be above 0"):
        skipwise.recommend(folder, max_loss=-1.0)
    found = skipwise.recommend(folder, max_loss=0.06).recommendation
    (broken,) = found.unfit["plain18"]
    assert excess(broken, made.results) == "test log-loss 0.0880, 0.0280 nats above the 0.06 asked for"
    assert found.candidate in ("resnet18", "se_resnet18", "mobilenet_v2")
    near = choose(made.results, {}, Limits(outcome=0.053))
    assert "That it reaches 0.053 is not shown: its interval goes up to 0.05" in answer(made.results, near).mind


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acuracy", "did you mean 'accuracy'"),
        ("logloss", "did you mean 'log-loss'"),
        ("accuracy:class=cat", "write accuracy:classes=A,B"),
        ("accuracy:classes=", "names no class"),
        ("accuracy:classes=cat,,dog", "names no class"),
        ("", "There is no outcome called ''"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(SkipwiseError, match=re.escape(said)):
        outcome_of(name)
    with pytest.raises(ValueError, match=re.escape(said)):  # in a record, too
        Question(candidates=("a", "b"), looks=(5,), margin=0.5, alpha=0.05, outcome=name)


def test_what_images_cannot_tell_is_refused() -> None:
    with pytest.raises(SkipwiseError, match="With 5 classes, the top-5 test accuracy of any network is 100%"):
        OUTCOMES["top5-accuracy"].check((10,) * 5, CLASSES[:5])
    OUTCOMES["top5-accuracy"].check((10,) * 6, CLASSES[:6])
    with pytest.raises(SkipwiseError, match=r"no class called 'cot'; did you mean 'cat'"):
        outcome_of("accuracy:classes=cot").check((10,) * 8, CLASSES)
    with pytest.raises(SkipwiseError, match="Only 9 test images are of cat, which can show nothing"):
        outcome_of("accuracy:classes=cat").check((9,) * 8, CLASSES)
    outcome_of("accuracy:classes=cat,dog").check((9,) * 8, CLASSES)
    with pytest.raises(SkipwiseError, match="No test image is of the class 'dog'"):
        outcome_of("accuracy:classes=cat,dog").check((99, 99, 99, 0, 99, 99, 99, 99), CLASSES)


def test_classes_may_have_commas_and_spaces_in_their_names() -> None:
    classes = ("tench, Tinca tinca", "great white", "a")
    assert outcome_of("accuracy:classes=tench, Tinca tinca").class_numbers(classes) == (0,)
    assert outcome_of("accuracy:classes=great white, a").class_numbers(classes) == (1, 2)
    assert outcome_of("accuracy:classes=a,a").class_numbers(classes) == (2,)
    assert outcome_of("brier:classes=a,b,c,d").measure() == "test Brier score on 4 classes"


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["accuracy", "log-loss", "brier"])
def test_margins_are_in_the_unit_of_what_counts(name: str, margin: float) -> None:
    outcome = outcome_of(name)
    with pytest.raises(SkipwiseError, match=rf"--margin.*{outcome.measure()}"):
        outcome.check_margin(margin)
    question = Question(candidates=("a", "b"), looks=(5,), margin=outcome.margin, alpha=0.05, outcome=name)
    assert question.tolerance == {"accuracy": 0.005, "log-loss": 0.01, "brier": 0.005}[name]
    outcome_of("log-loss").check_margin(250.0)  # a loss has no end
    with pytest.raises(SkipwiseError, match="between 0 and 100"):
        outcome_of("accuracy:classes=cat").check_margin(250.0)


def test_what_is_asked_is_looked_at_before_anything_is_trained(photos: Path, tmp_path: Path) -> None:
    usual = {"models": ["resnet18", "plain18"], "seeds": 2, "output": tmp_path / "out"}
    with pytest.raises(SkipwiseError, match="top-5 test accuracy of any network is 100%"):
        skipwise.compare(photos, outcome="top5-accuracy", **usual)
    with pytest.raises(SkipwiseError, match="no class called 'stripes9'; did you mean 'stripes"):
        skipwise.compare(photos, outcome="log-loss:classes=stripes9", **usual)
    with pytest.raises(SkipwiseError, match="which can show nothing"):
        skipwise.compare(photos, outcome="accuracy:classes=stripes1", **usual)
    with pytest.raises(SkipwiseError, match="--margin, in nats of test log-loss"):
        skipwise.compare(photos, outcome="log-loss", margin=-0.5, **usual)
    assert not (tmp_path / "out").exists()
    prepared = prepare(Request(data=str(photos)), seed=0, packed=False)
    for name in ("accuracy", "brier"):
        question = Question(candidates=("a", "b"), looks=(5,), margin=0.5, alpha=0.05, outcome=name)
        check_countable(question, prepared, tuned=True)


def test_plans_of_earlier_versions_keep_their_digests() -> None:
    """Computed by a version that knew two outcomes."""
    assert fabricate().plan.digest() == "3906fd98fccfe25c527d4edfe4f468ee99207bbb0dc30097d97bb89da9a6af4b"
    balanced = fabricate(outcome="balanced-accuracy").plan
    assert balanced.digest() == "922d5a0c4341e4f8759a7aafcc72e810ac50730dbc76fc117763fc750409a7ee"
    assert command(balanced).count("--outcome balanced-accuracy --margin 0.5") == 1


def test_records_of_earlier_versions_are_read(tmp_path: Path) -> None:
    made = fabricate()
    bare = tuple(replace(candidate, calibration=None) for candidate in made.results.candidates)
    old = replace(made.results, candidates=bare, ratios=())
    write_sealed(tmp_path / "comparison.json", old)
    text = (tmp_path / "comparison.json").read_text()
    assert '"ratios"' in text
    earlier = re.sub(r',\s*"calibration": null|,\s*"ratios": \[\]', "", text)
    assert "calibration" not in earlier
    assert "ratios" not in earlier
    import msgspec

    assert msgspec.json.decode(re.sub(r',\s*"sealed": .*', "}", earlier), type=Results) == old
    write_report(tmp_path / "report.html", made.plan, old, made.costs, {}, {}, {})
    assert 'id="calibration"' not in (tmp_path / "report.html").read_text()


def test_a_note_says_who_is_no_better_than_who_does_not_look(tmp_path: Path) -> None:
    plan, results = compared(tmp_path, "log-loss", resnet18=2.2, plain18=0.7)
    assert not any("share of each class" in note for note in notes(plan, results))
    hopeless = replace(results, guess=results.candidates[0].outcome.high - 1e-6)  # type: ignore[union-attr]
    (said,) = [note for note in notes(plan, hopeless) if "share of each class" in note]
    assert "always answering with the share of each class gives a test log-loss of " in said
    assert "resnet18 and plain18 are not shown to be better" in said


def test_the_calibration_error_is_corrected_and_knows_what_chance_does() -> None:
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.3, 1, (4, 500))
    honest = calibration(sure, rng.random((4, 500)) < sure)
    assert honest.low == 0
    assert honest.error < honest.plain
    assert honest.confidence == pytest.approx(sure.mean())
    boasting = calibration(sure, rng.random((4, 500)) < sure - 0.2)
    assert boasting.low > 0.15
    assert boasting.low < boasting.error < boasting.high
    # Images that belong together say less.
    groups = np.arange(500) // 25
    right = np.repeat(rng.random((4, 20)), 25, axis=1) < sure - 0.2
    alone, together = calibration(sure, right), calibration(sure, right, groups=groups)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert together.plain == alone.plain
    with pytest.raises(ValueError, match="needs answers"):
        calibration(np.zeros((0, 5)), np.zeros((0, 5), bool))
    logits = rng.normal(0, 3, (50, 7))
    assert confidence(logits) == pytest.approx((np.exp(logits).T / np.exp(logits).sum(axis=1)).max(axis=0))


def test_a_ratio_of_errors_has_an_interval_that_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    hits, trials = 0, 200
    noise = rng.normal(0, 0.05, 1_000_000)
    few, many = (float(np.clip(share + noise, 0, 1).mean()) for share in (0.1, 0.2))  # of uniform difficulties
    for _ in range(trials):
        hard = rng.random(1500)
        a, b = (((hard + rng.normal(0, 0.05, (4, 1500))) > 1 - share).astype(float) for share in (0.1, 0.2))
        found = ratio(a, b)
        assert found is not None
        hits += found.low <= few / many <= found.high
    assert hits >= 0.91 * trials
    # Images that belong together say less.
    hard = [np.repeat(rng.random(60) < share, 25) for share in (0.1, 0.2)]
    a, b = (np.where(rng.random((4, 1500)) < 0.02, ~each, each).astype(float) for each in hard)
    alone, together = ratio(a, b), ratio(a, b, groups=np.arange(1500) // 25)
    assert alone is not None
    assert together is not None
    assert together.value == alone.value
    assert together.low < alone.low < alone.high < together.high
    assert ratio(np.zeros((2, 9)), np.ones((2, 9))) is None
    assert ratio(np.ones((2, 9)), np.zeros((2, 9))) is None
