// What every exported function of the shim is wrapped in.
#pragma once
#include <c10/util/Exception.h>
#include <cstring>
#include <exception>

// Runs `body` and returns null, or the message of what it threw, allocated with strdup for the caller to free: no C++
// exception crosses into Rust.
template <typename F> char *guarded(F &&body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception without a message");
  }
}
