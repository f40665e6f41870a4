"""Losses against statsmodels and scikit-learn; missing labels; what the offsets undo."""

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from statsmodels.miscmodels.ordinal_model import OrderedModel

from ecg_ccta.training.criterion import BinaryCriterion, OrdinalCriterion, TaskWeights
from ecg_ccta.training.probe import fit_probe


@pytest.fixture
def graded():
    """Features (600, 3), grades (600, 2) from a proportional-odds model, and events."""
    rng = np.random.default_rng(4)
    features = rng.standard_normal((600, 3))
    latent = features @ np.array([[1.0, 0.0], [-0.5, 0.8], [0.0, 0.3]]) + rng.logistic(size=(600, 2))
    grades = (latent[:, :, None] > [-0.5, 0.6, 1.4, 2.6]).sum(2).astype(np.float32)
    return features.astype(np.float32), grades, (grades >= 3).astype(np.float32)


def test_ordinal_probe_is_statsmodels_proportional_odds_model(graded):
    features, grades, events = graded
    criterion = OrdinalCriterion(grades)
    weight, bias = fit_probe(features, events, grades, criterion, penalty=1e-6)
    for output in range(2):
        fitted = OrderedModel(grades[:, output].astype(int), features, distr="logit").fit(method="bfgs", disp=False)
        np.testing.assert_allclose(weight[output], fitted.params[:3], atol=2e-3)
        thresholds = fitted.model.transform_threshold_params(fitted.params[3:])[1:-1]
        ours = -(bias[output] + criterion.cut_points()[output].detach().numpy())
        np.testing.assert_allclose(ours, thresholds, atol=2e-3)
        logits = torch.from_numpy(features @ weight.T + bias).float()
        likelihood = criterion(logits, torch.from_numpy(grades))[:, output].sum().item()
        assert likelihood == pytest.approx(-fitted.llf, rel=1e-5)


def test_ordinal_probabilities_of_the_grades_add_up_to_one(graded):
    criterion = OrdinalCriterion(graded[1])
    logits = torch.linspace(-30, 30, 13)[:, None].expand(-1, 2)
    each = torch.stack([criterion(logits, torch.full((13, 2), float(grade))) for grade in range(5)])
    torch.testing.assert_close(torch.exp(-each).sum(0), torch.ones(13, 2))
    assert torch.isfinite(each).all()


def test_ordinal_logit_is_the_log_odds_of_an_event(graded):
    criterion = OrdinalCriterion(graded[1])
    logits = torch.tensor([[0.7, -1.2]])
    none = torch.stack([criterion(logits, torch.full((1, 2), float(grade))) for grade in range(3)])
    torch.testing.assert_close(1 - torch.exp(-none).sum(0), torch.sigmoid(logits))


def test_ordinal_logit_is_that_of_the_grade_from_which_an_output_counts(graded):
    grades = graded[1]
    criterion = OrdinalCriterion(grades, [3, 2])
    logits = torch.tensor([[0.7, -1.2]])
    each = torch.stack([torch.exp(-criterion(logits, torch.full((1, 2), float(grade)))) for grade in range(5)])
    counts = torch.stack([each[3:, 0, 0].sum(), each[2:, 0, 1].sum()])
    torch.testing.assert_close(counts[None], torch.sigmoid(logits))
    usual, named = OrdinalCriterion(grades), OrdinalCriterion(grades, [3, 3])
    assert torch.equal(usual.cut_points(), named.cut_points())


def test_missing_grades_and_labels_have_no_loss_and_no_gradient(graded):
    _, grades, events = graded
    for criterion, learnt in ((OrdinalCriterion(grades), grades), (BinaryCriterion(events, "none"), events)):
        labels = torch.from_numpy(learnt[:5].copy())
        labels[2:, 0] = float("nan")
        logits = torch.zeros(5, 2, requires_grad=True)
        each = criterion(logits, labels)
        each.sum().backward()
        assert (each[2:, 0] == 0).all()
        assert (logits.grad[2:, 0] == 0).all()
        assert torch.isfinite(logits.grad).all()
        assert all(torch.isfinite(parameter.grad).all() for parameter in criterion.parameters())


@pytest.mark.parametrize("class_balance", ["none", "positive-weight", "logit-adjustment"])
def test_probe_under_class_balance(class_balance):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((3000, 2)).astype(np.float32)
    labels = (rng.random(3000) < expit(features @ [1.0, -0.5] - 3)).astype(np.float32)[:, None]
    criterion = BinaryCriterion(labels, class_balance)
    weight, bias = fit_probe(features, labels, labels, criterion, penalty=1.0)
    balanced = None if class_balance != "positive-weight" else "balanced"
    reference = LogisticRegression(C=1.0, class_weight=balanced, tol=1e-8).fit(features, labels[:, 0])
    if balanced is None:
        np.testing.assert_allclose(weight, reference.coef_, atol=1e-3)
        assert bias[0] + criterion.offset.item() == pytest.approx(reference.intercept_[0], abs=2e-2)
    else:
        np.testing.assert_allclose(weight, reference.coef_, atol=2e-2)
    # Whatever the balance, probabilities agree with the prevalence.
    probability = expit(features @ weight.T + bias + criterion.offset.numpy())
    assert probability.mean() == pytest.approx(labels.mean(), rel=0.1)


def test_an_output_without_events_starts_at_its_prevalence(graded):
    features, grades, events = graded
    events, grades = events.copy(), np.minimum(grades, [4, 2]).astype(np.float32)
    events[:, 1] = 0
    weight, bias = fit_probe(features, events, grades, OrdinalCriterion(grades), penalty=10.0)
    assert (weight[1] == 0).all()
    assert bias[1] == pytest.approx(logit(0.5 / 601))


def test_uncertainty_weighting_is_kendalls_and_its_optimum_is_the_log_loss():
    weights = TaskWeights(2, "uncertainty")
    losses = torch.tensor([0.5, 2.0])
    with torch.no_grad():
        weights.log_variance.copy_(torch.log(losses))
    total = weights(losses)
    torch.testing.assert_close(total, 1 + torch.log(losses))
    total.sum().backward()
    torch.testing.assert_close(weights.log_variance.grad, torch.zeros(2))
    assert not TaskWeights(2, "equal").log_variance.requires_grad
