//! Operations written in Rust as nodes of the autograd graph.

use crate::Error;
use crate::ffi::{self, finish};
use std::ffi::{CString, c_char, c_void};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, TryLockError};
use tch::Tensor;

type Backward = extern "C" fn(*const c_void, *const ffi::Tensor, *mut *mut ffi::Tensor, usize) -> *mut c_char;
type Drop = extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn vovdet_with_backward(
        output: *mut ffi::Tensor,
        inputs: *const *const ffi::Tensor,
        count: usize,
        closure: *mut c_void,
        backward: Backward,
        drop: Drop,
        out: *mut *mut ffi::Tensor,
    ) -> *mut c_char;
}

/// From the gradient of the output to that of every input, in order; none is zero. The message of an error is for
/// people.
type Closure = dyn Fn(&Tensor) -> Result<Vec<Option<Tensor>>, String> + Send;

/// Autograd may run backward on any thread, on several at once if a graph is kept: the lock makes `Send` enough.
struct Shared(Mutex<Box<Closure>>);

/// Makes `output`, computed from `inputs` by other means than tensor operations, differentiable: autograd will call
/// `backward` with the gradient of `output` (its shape and kind), and `backward` returns that of every input in order,
/// `None` for zero. The returned tensor has the values and the memory of `output`; history that `output` had is dropped.
///
/// Nothing is recorded when no input requires a gradient or gradients are switched off ([`tch::no_grad`]); `backward`
/// is then dropped at once, else with the graph. It runs without recording: there is no second derivative, and asking
/// for one is an error, as is what `backward` itself returns as an error or panics with. Both come out of
/// [`Tensor::f_backward`] as its error.
///
/// # Errors
/// When `output` is undefined or not of a floating-point kind.
pub fn with_backward<E: Display>(
    mut output: Tensor,
    inputs: &[&Tensor],
    backward: impl Fn(&Tensor) -> Result<Vec<Option<Tensor>>, E> + Send + 'static,
) -> Result<Tensor, Error> {
    let closure: Box<Closure> = Box::new(move |gradient| backward(gradient).map_err(|e| e.to_string()));
    let shared = Box::into_raw(Box::new(Shared(Mutex::new(closure))));
    let inputs: Vec<*const ffi::Tensor> = inputs.iter().map(|t| t.as_ptr().cast()).collect();
    let mut out = std::ptr::null_mut();
    // SAFETY: `output` and `inputs` are live at::Tensors; the shim empties the first, which is ours, and copies the
    // handles of the others. It owns `shared` from here on and passes it to `drop_shared` exactly once.
    let message = unsafe {
        vovdet_with_backward(
            output.as_mut_ptr().cast(),
            inputs.as_ptr(),
            inputs.len(),
            shared.cast(),
            call_shared,
            drop_shared,
            &mut out,
        )
    };
    finish(message, out)
}

extern "C" fn call_shared(
    shared: *const c_void,
    gradient: *const ffi::Tensor,
    gradients: *mut *mut ffi::Tensor,
    count: usize,
) -> *mut c_char {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the node keeps the closure alive during the call and only ever shares it.
        let shared = unsafe { &*shared.cast::<Shared>() };
        // SAFETY: a live at::Tensor; this makes a second handle to it, which tch frees.
        let gradient = unsafe { Tensor::clone_from_ptr(gradient.cast_mut().cast()) };
        shared.call(&gradient, count)
    }));
    let outcome = outcome.unwrap_or_else(|panic| Err(format!("the backward panicked: {}", text_of(&*panic))));
    match outcome {
        Ok(results) => {
            for (i, result) in results.into_iter().enumerate() {
                let raw = result.map_or(std::ptr::null_mut(), into_raw);
                // SAFETY: `gradients` has room for `count` pointers, and there are as many results.
                unsafe { gradients.add(i).write(raw) };
            }
            std::ptr::null_mut()
        }
        Err(message) => {
            let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
            // SAFETY: strdup of a NUL-terminated string; the node frees the copy.
            unsafe { libc::strdup(message.as_ptr()) }
        }
    }
}

extern "C" fn drop_shared(shared: *mut c_void) {
    // SAFETY: made by Box::into_raw in `with_backward`, and the node drops it once.
    let shared = unsafe { Box::from_raw(shared.cast::<Shared>()) };
    // A destructor that panics must not unwind into C++; there is nobody to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(shared)));
}

impl Shared {
    fn call(&self, gradient: &Tensor, count: usize) -> Result<Vec<Option<Tensor>>, String> {
        let closure = match self.0.try_lock() {
            Err(TryLockError::WouldBlock) => return Err("the backward of this operation runs already".into()),
            Ok(closure) => closure,
            // A panic inside a call leaves nothing half done: the closure cannot change itself.
            Err(TryLockError::Poisoned(closure)) => closure.into_inner(),
        };
        let gradients = closure(gradient)?;
        if gradients.len() == count {
            Ok(gradients)
        } else {
            Err(format!("the backward gives {} gradients for {count} inputs", gradients.len()))
        }
    }
}

/// The at::Tensor of a tch tensor, for C++ to own.
fn into_raw(tensor: Tensor) -> *mut ffi::Tensor {
    std::mem::ManuallyDrop::new(tensor).as_mut_ptr().cast()
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tch::{Device, Kind};

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    /// `a * exp(b)` with the gradients written by hand; counts in `drops` how often the closure is dropped.
    fn by_hand(a: &Tensor, b: &Tensor, drops: &Arc<AtomicUsize>) -> Tensor {
        struct Count(Arc<AtomicUsize>);
        impl std::ops::Drop for Count {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (count, first, second) = (Count(drops.clone()), a.detach(), b.detach());
        let output = tch::no_grad(|| a * b.exp());
        with_backward(output, &[a, b], move |gradient| {
            let _ = &count;
            Ok::<_, Error>(vec![Some(gradient * second.exp()), Some(gradient * &first * second.exp())])
        })
        .unwrap()
    }

    /// Not from libtorch's generator, which is that of all threads: tests run side by side.
    fn leaf(seed: i64) -> Tensor {
        (Tensor::arange(12, DOUBLE) * (seed as f64 + 0.618)).sin().view([3, 4]).set_requires_grad(true)
    }

    #[test]
    fn both_ways_give_the_same_gradients() {
        let drops = Arc::default();
        let gradients = |f: &dyn Fn(&Tensor, &Tensor) -> Tensor| {
            let (a, b) = (leaf(1), leaf(2));
            // The node sits between others, and `a` also reaches the end beside it.
            let y = f(&(&a * 2.0), &b.tanh()).sin() + &a;
            y.sum(Kind::Double).backward();
            (y.detach(), a.grad(), b.grad())
        };
        let ours = gradients(&|a, b| by_hand(a, b, &drops));
        let theirs = gradients(&|a, b| a * b.exp());
        assert!(ours.0.allclose(&theirs.0, 1e-14, 0.0, false));
        assert!(ours.1.allclose(&theirs.1, 1e-14, 0.0, false));
        assert!(ours.2.allclose(&theirs.2, 1e-14, 0.0, false));
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_closure_is_dropped_exactly_once() {
        let drops = Arc::default();
        let dropped = || AtomicUsize::load(&drops, Ordering::SeqCst);
        let (a, b) = (leaf(1), leaf(2));
        let unused = by_hand(&a, &b, &drops);
        assert_eq!(dropped(), 0);
        drop(unused);
        assert_eq!(dropped(), 1, "with the graph");
        assert!(!by_hand(&a.detach(), &b.detach(), &drops).requires_grad());
        assert_eq!(dropped(), 2, "no input requires a gradient");
        assert!(!tch::no_grad(|| by_hand(&a, &b, &drops)).requires_grad());
        assert_eq!(dropped(), 3, "gradients are off");
        let y = by_hand(&a, &b, &drops).sum(Kind::Double);
        y.backward();
        assert_eq!(dropped(), 4, "with the first backward, which frees the graph");
        let error = y.f_backward().unwrap_err().to_string();
        assert!(error.contains("before") || error.contains("second time"), "{error}");
        drop(y);
        assert!(with_backward(Tensor::new(), &[&a], |_| Ok::<_, Error>(vec![None])).is_err());
        assert_eq!(dropped(), 4);
    }

    #[test]
    fn a_kept_graph_runs_again() {
        let drops = Arc::default();
        let (a, b) = (leaf(1), leaf(2));
        let y = by_hand(&a, &b, &drops).sum(Kind::Double);
        let first = Tensor::run_backward(&[&y], &[&a], true, false);
        let second = Tensor::run_backward(&[&y], &[&a], false, false);
        assert_eq!(first[0], second[0]);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn errors_and_panics_come_out_of_backward() {
        let a = leaf(1);
        let fails = |backward: fn(&Tensor) -> Result<Vec<Option<Tensor>>, String>| {
            let y = with_backward(a.detach(), &[&a], backward).unwrap();
            y.sum(Kind::Double).f_backward().unwrap_err().to_string()
        };
        assert!(fails(|_| Err("no\0 such thing".into())).contains("no  such thing"));
        assert!(fails(|_| panic!("fell over {}", 3)).contains("panicked: fell over 3"));
        assert!(fails(|_| Ok(vec![])).contains("0 gradients for 1 inputs"));
        assert!(fails(|_| Ok(vec![Some(Tensor::zeros([7], DOUBLE))])).contains("shape"));
        let y = with_backward(a.detach(), &[&a], |_| Ok::<_, Error>(vec![None])).unwrap();
        y.sum(Kind::Double).backward();
        assert!(!a.grad().defined() || a.grad().abs().sum(Kind::Double).double_value(&[]) == 0.0, "None is zero");
    }

    #[test]
    fn a_second_derivative_is_refused() {
        let drops = Arc::default();
        let (a, b) = (leaf(1), leaf(2));
        let y = by_hand(&a, &b, &drops).sum(Kind::Double);
        let error = Tensor::f_run_backward(&[&y], &[&a], true, true).unwrap_err().to_string();
        assert!(error.contains("no second derivative"), "{error}");
    }

    #[test]
    fn history_and_views_of_the_output_are_left_behind() {
        let a = leaf(1);
        let b = (&a * 3.0).transpose(0, 1);
        let y = with_backward(b.shallow_clone(), &[&a], |g| Ok::<_, Error>(vec![Some(g.transpose(0, 1))])).unwrap();
        y.sum(Kind::Double).backward();
        assert_eq!(a.grad(), Tensor::ones([3, 4], DOUBLE));
        assert_eq!(y.data_ptr(), b.data_ptr());
    }
}
