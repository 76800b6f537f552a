// The few libtorch calls that tch does not wrap. Every function returns null when all went well, else a message that
// the caller frees (guarded.h); results go through the last argument.
#include "guarded.h"
#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/CPUAllocator.h>
#include <torch/version.h>

namespace {
// One boxed call of an operator by name: the ops of the `mkldnn` namespace have no C++ declaration in the headers.
at::Tensor call(const char *name, torch::jit::Stack stack) {
  auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
  at::NoGradGuard guard;
  op.callBoxed(&stack);
  return stack.at(0).toTensor();
}

// Whether the elements lie as they are read, in memory of libtorch's own CPU allocator (not borrowed, mapped or copied
// on write), and no other tensor shares that memory.
bool owned_alone(const at::Tensor &tensor) {
  if (!tensor.device().is_cpu() || !tensor.is_contiguous() || tensor.is_neg() || tensor.is_conj() ||
      tensor._is_zerotensor() || !tensor.has_storage()) {
    return false;
  }
  const auto &storage = tensor.storage();
  return storage.use_count() == 1 && storage.data_ptr().get_deleter() == c10::GetCPUAllocator()->raw_deleter();
}
} // namespace

extern "C" {
char *vovdet_torch_version(char **out) {
  return guarded([&] { *out = strdup(TORCH_VERSION); });
}

char *vovdet_cpu_capability(char **out) {
  return guarded([&] { *out = strdup(at::get_cpu_capability().c_str()); });
}

// Empties `tensor` and returns its values in contiguous CPU memory that nothing else can reach: the same memory when
// `tensor` was the only way to it, else a copy.
char *vovdet_own_alone(at::Tensor *tensor, at::Tensor **out) {
  return guarded([&] {
    TORCH_CHECK(tensor->defined() && tensor->layout() == at::kStrided, "a dense tensor is needed");
    at::NoGradGuard guard;
    // Without autograd's data: a view's keeps the tensor that it was made from.
    at::Tensor plain = tensor->variable_data();
    tensor->reset();
    if (!owned_alone(plain)) {
      plain = at::empty(plain.sizes(), at::device(at::kCPU).dtype(plain.scalar_type())).copy_(plain);
    }
    *out = new at::Tensor(std::move(plain));
  });
}

// Reorders a convolution weight [O, I/groups, kH, kW] once into the layout that oneDNN picks for `input_size`.
char *vovdet_pack_conv_weight(const at::Tensor *weight, const int64_t *geometry, const int64_t *input_size,
                              at::Tensor **out) {
  return guarded([&] {
    std::vector<int64_t> pad{geometry[0], geometry[1]}, stride{geometry[2], geometry[3]}, dilation{1, 1};
    *out = new at::Tensor(call("mkldnn::_reorder_convolution_weight",
                               {*weight, pad, stride, dilation, geometry[4],
                                c10::IValue(std::vector<int64_t>(input_size, input_size + 4))}));
  });
}

// Convolution + bias + activation ("none" or "relu") in one oneDNN primitive.
char *vovdet_conv_pointwise(const at::Tensor *input, const at::Tensor *weight, const at::Tensor *bias,
                            const int64_t *geometry, const char *activation, at::Tensor **out) {
  return guarded([&] {
    std::vector<int64_t> pad{geometry[0], geometry[1]}, stride{geometry[2], geometry[3]}, dilation{1, 1};
    c10::List<std::optional<at::Scalar>> scalars;
    *out = new at::Tensor(call("mkldnn::_convolution_pointwise",
                               {*input, *weight, bias ? c10::IValue(*bias) : c10::IValue(), pad, stride, dilation,
                                geometry[4], std::string(activation), c10::IValue(scalars), std::string("")}));
  });
}
}
