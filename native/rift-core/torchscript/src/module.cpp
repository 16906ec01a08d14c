// TorchScript modules behind a C interface. Every function that can fail returns null, or a message that the caller frees.
#include <torch/script.h>

#include <cstring>
#include <sstream>
#include <string>

using torch::jit::Module;

namespace {

void to_float(torch::Tensor& tensor) {
  if (tensor.is_floating_point()) tensor.set_data(tensor.to(torch::kFloat));
}

char* copy_of(const std::string& text) { return strdup(text.c_str()); }

template <typename Work>
char* guarded(Work work) {
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    return copy_of(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return copy_of(error.what());
  }
}

}  // namespace

extern "C" {

char* rift_module_load(const char* bytes, size_t size, Module** loaded) {
  return guarded([&] {
    std::istringstream stream(std::string(bytes, size));
    auto module = torch::jit::load(stream, torch::kCPU);
    // Module::to with a type would convert counters too.
    for (torch::Tensor tensor : module.parameters()) to_float(tensor);
    for (torch::Tensor tensor : module.buffers()) to_float(tensor);
    *loaded = new Module(std::move(module));
  });
}

void rift_module_free(Module* module) { delete module; }

// Calls `each` with every parameter, then with every buffer, in the order of the program.
char* rift_module_tensors(Module* module, void* data, void (*each)(void*, const char*, int, torch::Tensor*)) {
  return guarded([&] {
    for (const auto& entry : module->named_parameters()) each(data, entry.name.c_str(), 1, new torch::Tensor(entry.value));
    for (const auto& entry : module->named_buffers()) each(data, entry.name.c_str(), 0, new torch::Tensor(entry.value));
  });
}

// The executor's optimiser is off: it would profile the first passes and compute them otherwise than the later ones.
char* rift_module_forward(Module* module, int training, const torch::Tensor* images, torch::Tensor** logits) {
  return guarded([&] {
    torch::jit::setGraphExecutorOptimize(false);
    module->train(training != 0);
    *logits = new torch::Tensor(module->forward({*images}).toTensor());
  });
}

// Moves parameters and buffers, which stay the same tensors. -1 is the CPU.
char* rift_module_to(Module* module, int device) {
  return guarded([&] { module->to(device < 0 ? torch::Device(torch::kCPU) : torch::Device(torch::kCUDA, device)); });
}

char* rift_module_save(Module* module, const char* path) {
  return guarded([&] {
    module->eval();
    module->save(path);
  });
}

// Overwrites `target` without telling autograd, as PyTorch's own batch norm does with its running statistics.
char* rift_tensor_overwrite(torch::Tensor* target, const torch::Tensor* source) {
  return guarded([&] {
    torch::NoGradGuard no_grad;
    target->variable_data().copy_(*source);
  });
}
}
