"""PGD as the peers have it. Each function returns the adversarial images of one batch."""

import numpy as np
import torch


def torchattacks_pgd(network, attack):
    import torchattacks

    made = torchattacks.PGD(network, eps=attack["epsilon"], alpha=attack["stepSize"], steps=attack["steps"], random_start=True)
    return made


def foolbox_pgd(network, attack):
    import foolbox

    wrapped = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    made = foolbox.attacks.LinfPGD(abs_stepsize=attack["stepSize"], steps=attack["steps"], random_start=True)
    return lambda images, labels: made(wrapped, images, labels, epsilons=attack["epsilon"])[1]


def art_pgd(network, attack):
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        network, torch.nn.CrossEntropyLoss(), (3, 32, 32), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    made = ProjectedGradientDescentPyTorch(
        classifier,
        norm=np.inf,
        eps=attack["epsilon"],
        eps_step=attack["stepSize"],
        max_iter=attack["steps"],
        num_random_init=1,
        batch_size=attack["batchSize"],
        verbose=False,
    )
    return lambda images, labels: torch.from_numpy(made.generate(images.numpy(), labels.numpy()))


PGD = {"torchattacks": torchattacks_pgd, "foolbox": foolbox_pgd, "art": art_pgd}


def autoattack_standard(network, images, labels, settings):
    """AutoAttack standard: survivors among the images classified right, before and after each of its four attacks.

    torchattacks gives its attacks 10 steps where the published list has 100, so the steps are set here; a batch without
    survivors ends the list.
    """
    import torchattacks

    made = torchattacks.AutoAttack(network, eps=settings["epsilon"], version="standard", n_classes=10, seed=0)
    with torch.no_grad():
        alive = network(images).argmax(1) == labels
    counts = [int(alive.sum())]
    for attack in made._autoattack.attacks:
        if isinstance(attack, (torchattacks.APGD, torchattacks.APGDT, torchattacks.FAB)):
            attack.steps = 100
        if alive.any():
            adv = attack(images[alive], labels[alive])
            with torch.no_grad():
                alive[alive.clone()] = network(adv).argmax(1) == labels[alive]
        counts.append(int(alive.sum()))
    return counts
