// A node of the autograd graph whose backward is a Rust closure.
#include "guarded.h"
#include <ATen/ATen.h>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

namespace {
using torch::autograd::variable_list;

// Writes the gradient of each input, or null for none, into `gradients` as tensors that the callee allocates with new;
// returns null, or a message that the caller frees.
using Backward = char *(*)(const void *closure, const at::Tensor *gradient, at::Tensor **gradients, size_t count);
using Drop = void (*)(void *closure);

struct ClosureNode : torch::autograd::Node {
  ClosureNode(std::shared_ptr<void> closure, Backward backward, torch::autograd::edge_list &&edges)
      : Node(std::move(edges)), closure(std::move(closure)), backward(backward) {}

  std::string name() const override { return "VovdetClosureBackward"; }

  variable_list apply(variable_list &&gradients) override {
    TORCH_CHECK(!at::GradMode::is_enabled(), "this operation has no second derivative: run backward without create_graph");
    variable_list inputs(num_outputs());
    if (gradients.empty() || !gradients[0].defined()) {
      return inputs;
    }
    // Kept for the length of the call, whoever releases the graph meanwhile.
    std::shared_ptr<void> kept;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      kept = closure;
    }
    TORCH_CHECK(kept, "backward ran through this graph before and freed it: run it with keep_graph");
    std::vector<at::Tensor *> raw(inputs.size(), nullptr);
    std::unique_ptr<char, decltype(&std::free)> message(backward(kept.get(), &gradients[0], raw.data(), raw.size()),
                                                        &std::free);
    for (size_t i = 0; i < raw.size(); ++i) {
      if (std::unique_ptr<at::Tensor> gradient{raw[i]}) {
        inputs[i] = std::move(*gradient);
      }
    }
    if (message) {
      throw std::runtime_error(message.get());
    }
    return inputs;
  }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    closure.reset();
  }

  std::shared_ptr<void> closure;
  Backward backward;
};
} // namespace

extern "C" {
// Empties `output` and returns the same values as a result of `inputs` whose gradients `backward` computes. Takes
// `closure` over in every case: `drop` is called once, at the latest when the graph is freed.
char *vovdet_with_backward(at::Tensor *output, const at::Tensor *const *inputs, size_t count, void *closure,
                           Backward backward, Drop drop, at::Tensor **out) {
  return guarded([&] {
    std::shared_ptr<void> owner(closure, drop);
    variable_list variables;
    for (size_t i = 0; i < count; ++i) {
      variables.push_back(*inputs[i]);
    }
    TORCH_CHECK(output->defined(), "the output is an undefined tensor");
    // A plain tensor, whatever view or history the output was.
    at::Tensor result = output->variable_data();
    output->reset();
    if (torch::autograd::compute_requires_grad(variables)) {
      std::shared_ptr<ClosureNode> node(
          new ClosureNode(std::move(owner), backward, torch::autograd::collect_next_edges(variables)),
          torch::autograd::deleteNode);
      torch::autograd::set_history(result, node);
    }
    *out = new at::Tensor(std::move(result));
  });
}
}
