"""Fine-tunes a PyTorch network on adversarial images that an attacker service crafts batch by batch.

The service attacks a fixed, robust teacher (its artifact) and the loop trains on what fools it: ensemble adversarial
training with the attack on another machine.

python adversarial_loop.py ORCHESTRATOR ATTACKER TEACHER.safetensors
"""

import sys

import torch

import rift

orchestrator, attacker, teacher_file = sys.argv[1:4]

torch.manual_seed(0)
student = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(10))
images, labels = torch.rand(96, 3, 32, 32), torch.randint(0, 10, (96,))
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=32)
student(images[:1])
optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)

with rift.Client(orchestrator) as client:
    teacher = client.import_network(teacher_file).digest

with rift.Attacker(attacker) as service, service.perturb(teacher, rift.attack("pgd", eps=8 / 255, step=2 / 255, steps=5)) as perturb:
    for epoch in range(2):
        for x, y in loader:
            adversarial = perturb(x, y).images
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(student(adversarial), y)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1} loss {loss.item():.3f} largest change {(adversarial - x).abs().max().item() * 255:.2f}/255")
