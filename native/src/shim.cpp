// The few libtorch calls that tch does not wrap. Every function returns null when all went well, else a message
// allocated with strdup that the caller frees: no C++ exception crosses into Rust.
#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <cstring>
#include <torch/version.h>

namespace {
template <typename F> char *guarded(F &&body) {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &e) {
    return strdup(e.what_without_backtrace());
  } catch (const std::exception &e) {
    return strdup(e.what());
  }
}

// One boxed call of an operator by name: the ops of the `mkldnn` namespace have no C++ declaration in the headers.
at::Tensor call(const char *name, torch::jit::Stack stack) {
  auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
  at::NoGradGuard guard;
  op.callBoxed(&stack);
  return stack.at(0).toTensor();
}
} // namespace

extern "C" {
const char *vovdet_torch_version() { return TORCH_VERSION; }

char *vovdet_cpu_capability() { return strdup(at::get_cpu_capability().c_str()); }

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
