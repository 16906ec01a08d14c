#!/usr/bin/env python3
"""TorchScript networks and what PyTorch computes with them.

`small.pt` is an architecture that no list knows: two convolutions, batch norm, a parameter that is not called weight, a
linear head; `small.safetensors` holds its logits, an attack's iterates, gradients of its weights and the effect of one pass
in train mode. `traced.pt` is such a network traced in evaluation mode, which fixes its batch norm. `resnet18.pt` is a network
that the operator graph knows too, so that both kinds can be compared.

Run: python test/golden/torchscript/make.py   (needs torch 2.13 and safetensors; writes beside itself)
"""

import sys
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "networks"))
from reference import ResNet, randomize  # noqa: E402

EPSILON, STEP, STEPS = 2 / 255, 0.5 / 255, 10


class Small(nn.Module):
    def __init__(self, classes=6):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8, momentum=0.3)
        self.body = nn.Conv2d(8, 16, 3, 2, 1)
        self.mixer = nn.Parameter(torch.eye(16))
        self.head = nn.Linear(16 * 16, classes)

    def forward(self, x):
        x = F.gelu(self.norm(self.stem(x)))
        x = torch.tanh(self.body(x))
        x = torch.einsum("nchw,cd->ndhw", x, self.mixer)
        return self.head(torch.flatten(F.avg_pool2d(x, 2), 1))


def main():
    torch.set_num_threads(1)
    torch.manual_seed(4)
    network = randomize(Small(), 4)
    network.mixer.data.add_(0.1 * torch.randn(16, 16))
    torch.jit.save(torch.jit.script(network), HERE / "small.pt")
    images = F.interpolate(torch.rand(32, 3, 4, 4), (32, 32), mode="bilinear").mul(255).round().div(255)
    logits = network(images).detach()
    # The labels are what the network sees, so that an attack has something to take away.
    labels = logits.argmax(1)
    adversarial = images.clone()
    for _ in range(STEPS):
        adversarial.requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(network(adversarial), labels), adversarial)
        change = (adversarial.detach() + STEP * gradient.sign() - images).clamp(-EPSILON, EPSILON)
        adversarial = (images + change).clamp(0, 1)
    attacked = network(adversarial)
    loss = F.cross_entropy(attacked, labels)
    weights = {name: weight for name, weight in network.named_parameters() if weight.dim() > 1}
    gradients = dict(zip(weights, torch.autograd.grad(loss, list(weights.values()))))
    tensors = {f"gradient/{name}": gradient for name, gradient in gradients.items()}
    tensors |= {
        "pixels": images.mul(255).round().to(torch.uint8), "labels": labels, "logits": logits, "adversarial": adversarial,
        "adversarial_logits": attacked.detach(), "loss": loss.detach(),
    }
    network.train()
    with torch.no_grad():
        tensors["train_logits"] = network(images)
    tensors |= {"moved_mean": network.norm.running_mean.clone(), "moved_var": network.norm.running_var.clone()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, HERE / "small.safetensors")
    right = (attacked.argmax(1) == labels).sum().item()
    print(f"PGD-{STEPS}: {right} of {len(labels)} stay right")

    torch.jit.save(torch.jit.trace(Small(classes=10).eval(), images[:2]), HERE / "traced.pt")
    torch.jit.save(torch.jit.script(ResNet([2, 2, 2, 2], width=4, classes=10).eval()), HERE / "resnet18.pt")


if __name__ == "__main__":
    main()
