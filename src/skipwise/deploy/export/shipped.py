"""The network as it is exported: uint8 pixels of any size -> probabilities, in operations that every backend has.

Resizing is where exported models usually go wrong: backends implement it with and without antialiasing, and round
differently. Here it is matrix products, two for each axis, and their weights are computed in the graph from the image's
size. So every backend does exactly what Pillow does in training, including the rounding between the two axes.
"""

from __future__ import annotations

import copy
import operator
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.utils.fusion import fuse_conv_bn_weights

from skipwise.data.image.preprocess import Preprocessing, cropped_away
from skipwise.deploy.artifact.divided_logits import DividedLogits
from skipwise.nets.blocks import RectifiedSqueezeExcite, SqueezeExcite


class Resize(nn.Module):
    """Resizes as `fit_square` does: uint8 [B, H, W, C] -> float32 [B, C, size, size], whole numbers from 0 to 255."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.size = preprocessing.size
        self.crop = preprocessing.crop
        self.cut = cropped_away(preprocessing.crop)
        self.cubic = preprocessing.interpolation == "bicubic"

    def forward(self, pixels_BHWC: Tensor) -> Tensor:
        height, width = pixels_BHWC.shape[1], pixels_BHWC.shape[2]
        shorter = torch.sym_min(height, width)
        pixels_BCHW = pixels_BHWC.permute(0, 3, 1, 2).float()
        high, low = self._weights(width, shorter)
        across = _pixels(pixels_BCHW @ high.T, pixels_BCHW @ low.T)
        high, low = self._weights(height, shorter)
        return _pixels(high @ across, low @ across)

    def _weights(self, length: Any, shorter: Any) -> tuple[Tensor, Tensor]:
        """The weight of each old pixel in each new one [size, length]: a triangle, or Keys' cubic (1981, a = -0.5).

        Pillow's weights are whole multiples of 2^-22. They are returned as their upper and lower eleven binary digits:
        single precision adds products of pixels with either half without rounding, but not with all 22 digits.
        """
        side = shorter
        if self.crop < 1:
            side = shorter - 2 * torch.floor(torch.full((), 1.0, dtype=torch.float64) * shorter * self.cut + 0.5) / 256
        # In units of 1 / (2 size) pixels positions are whole numbers where nothing is cropped.
        old = (2 * torch.arange(length, dtype=torch.float64) + 1 - length) * self.size
        new = (2 * torch.arange(self.size, dtype=torch.float64) + 1 - self.size) * side
        stretch = torch.sym_max(side, self.size) if self.crop == 1 else torch.clamp(side, min=self.size)
        distance = (old[None, :] - new[:, None]).abs() / (2 * stretch)
        if self.cubic:
            near = (1.5 * distance - 2.5) * distance * distance + 1
            far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
            weights = torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(distance)))
        else:
            weights = (1 - distance).clamp(min=0)
        weights = weights / weights.sum(dim=1, keepdim=True) * 2**22
        whole = (weights.abs() + 0.5).floor() * weights.sign()
        high = (whole / 2**11).floor()
        return high.float(), (whole - high * 2**11).float()


def _pixels(high: Tensor, low: Tensor) -> Tensor:
    """Sums of pixels, weighted by either half -> whole pixels, with halves rounded up as Pillow does."""
    return ((high + ((low + 2**21) / 2**11).floor()) / 2**11).floor().clamp(0, 255)


class Classifier(nn.Module):
    """Normalises resized pixels [B, C, size, size] from 0 to 255 and classifies them: probabilities [B, classes]."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        shape = (1, -1, 1, 1)
        self.register_buffer(
            "mean", torch.tensor(preprocessing.mean, dtype=torch.float64).reshape(shape).mul(255).float()
        )
        self.register_buffer(
            "std", torch.tensor(preprocessing.std, dtype=torch.float64).reshape(shape).mul(255).float()
        )

    def forward(self, fitted_BCHW: Tensor) -> Tensor:
        logits: Tensor = self.network((fitted_BCHW - self.mean) / self.std)
        return logits.softmax(dim=1)


class ExplainingClassifier(nn.Module):
    """The same probabilities, and the class activation map of the most likely class [B, h, w]."""

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.classify = Classifier(network, preprocessing)

    def forward(self, fitted_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        classify: Any = self.classify
        scaled = isinstance(classify.network, DividedLogits)
        network = classify.network.network if scaled else classify.network
        features_BChw = network.features((fitted_BCHW - classify.mean) / classify.std)
        logits_BK = network.classifier(features_BChw.mean(dim=(2, 3)))
        answers_B = logits_BK.argmax(dim=1)
        weights_BC = network.classifier.weight[answers_B]
        bias_B = network.classifier.bias[answers_B]
        map_Bhw = (features_BChw * weights_BC[:, :, None, None]).sum(dim=1) + bias_B[:, None, None]
        # The map is of the logits as the network gives them: a temperature changes how sure it is, not where it looks.
        divided_BK = logits_BK / classify.network.temperature if scaled else logits_BK
        return divided_BK.softmax(dim=1), map_Bhw


class ResizeAndClassify(nn.Module):
    """Resizes pixels of any size and classifies them. A file of torch.export names its first part `fit`."""

    def __init__(self, fit: nn.Module, answer: nn.Module) -> None:
        super().__init__()
        self.fit, self.answer = fit, answer

    def forward(self, pixels_BHWC: Tensor) -> Tensor:
        probabilities: Tensor = self.answer(self.fit(pixels_BHWC))
        return probabilities


class HalfPrecisionWeights(nn.Module):
    """A module that stores its weights in half precision and computes in single precision."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module)
        for parameter in self.module.parameters():
            parameter.requires_grad_(False)
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            if tensor.is_floating_point():
                tensor.data = tensor.data.half()

    def forward(self, inputs: Tensor) -> Tensor:
        single = {name: tensor.float() for name, tensor in self.module.state_dict().items()}
        result: Tensor = torch.func.functional_call(self.module, single, (inputs,))
        return result


class ConvolvedGate(nn.Module):
    """A squeeze-excite gate as two 1x1 convolutions of the pooled image. It computes the same numbers.

    Where a gate is written as matrix products of vectors, OpenVINO 2026.4 fuses it into an INT8 convolution such that
    all images of a batch get the gate of one of them (tests/test_quantize.py has such a network).
    """

    def __init__(self, gate: SqueezeExcite) -> None:
        super().__init__()
        self.squeeze, self.excite = _as_convolution(gate.squeeze), _as_convolution(gate.excite)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        mean = x_BCHW.mean((2, 3), keepdim=True)
        return x_BCHW * torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))


def _as_convolution(linear: nn.Linear) -> nn.Conv2d:
    convolution = nn.Conv2d(linear.in_features, linear.out_features, 1, bias=linear.bias is not None)
    convolution.weight.data = linear.weight.data[:, :, None, None].clone()
    if linear.bias is not None:
        assert convolution.bias is not None
        convolution.bias.data = linear.bias.data.clone()
    return convolution


def portable(network: nn.Module) -> nn.Module:
    """A copy of a network for inference on the CPU, with squeeze-excite gates that every backend computes rightly."""
    network = copy.deepcopy(network).cpu().eval()
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, SqueezeExcite):
                gate: nn.Module = ConvolvedGate(child)
                behind_relu = isinstance(child, RectifiedSqueezeExcite)
                setattr(module, name, nn.Sequential(nn.ReLU(), gate) if behind_relu else gate)
    return network.requires_grad_(False)


def trace_resize(preprocessing: Preprocessing) -> ExportedProgram:
    """Traces `Resize` for any number of images of any size."""
    # No size is a multiple of another, or the tracer would relate them.
    example = torch.zeros(2, preprocessing.size + 3, preprocessing.size + 7, preprocessing.channels, dtype=torch.uint8)
    return torch.export.export(
        Resize(preprocessing), (example,), dynamic_shapes=(dict.fromkeys(range(3), Dim.DYNAMIC),)
    )


def trace_classifier(network: nn.Module, preprocessing: Preprocessing, *, explain: bool = False) -> ExportedProgram:
    """Traces `Classifier` for any number of images, with batch norms folded into the convolutions before them.

    Args:
        network: a copy that `portable` made.
        explain: whether the heat map of the answer is a second output; for a network of Skipwise.
    """
    example = torch.zeros(2, preprocessing.channels, preprocessing.size, preprocessing.size)
    kind = ExplainingClassifier if explain else Classifier
    answer = kind(network, preprocessing).eval()
    shapes = ({0: Dim.DYNAMIC},)
    folded = fold_norms(torch.export.export(answer, (example,), dynamic_shapes=shapes).module())
    return torch.export.export(folded, (example,), dynamic_shapes=shapes)


@torch.no_grad()
def fold_norms(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Folds each batch norm that directly follows a convolution into the convolution's weights. Changes `graph`."""
    aten = torch.ops.aten
    for number, norm in enumerate(list(graph.graph.nodes)):
        if norm.target is not aten.batch_norm.default or norm.args[0].target is not aten.conv2d.default:
            continue
        convolution, weight, bias, mean, variance, _, _, epsilon, _ = norm.args
        if len(convolution.users) > 1:
            continue
        inputs, kernel, *others = convolution.args
        offset, rest = (others[0] if others else None), others[1:]

        def value(node: Any) -> Any:
            return None if node is None else operator.attrgetter(node.target)(graph)

        folded = fuse_conv_bn_weights(
            value(kernel), value(offset), value(mean), value(variance), epsilon, value(weight), value(bias)
        )
        with graph.graph.inserting_before(convolution):
            named = []
            for what, tensor in zip(("weight", "bias"), folded, strict=True):
                graph.register_buffer(f"folded_{number}_{what}", tensor.detach())
                named.append(graph.graph.get_attr(f"folded_{number}_{what}"))
        convolution.args = (inputs, *named, *rest)
        norm.replace_all_uses_with(convolution)
        graph.graph.erase_node(norm)
    graph.graph.eliminate_dead_code()
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph


def trace_resize_and_classify(answer: nn.Module, preprocessing: Preprocessing) -> ExportedProgram:
    """Traces `Resize` followed by a traced classifier, for any number of images of any size."""
    example = torch.zeros(2, preprocessing.size + 3, preprocessing.size + 7, preprocessing.channels, dtype=torch.uint8)
    whole = ResizeAndClassify(Resize(preprocessing), answer)
    return torch.export.export(whole, (example,), dynamic_shapes=(dict.fromkeys(range(3), Dim.DYNAMIC),))
