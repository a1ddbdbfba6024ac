//! Choosing, at run time, which build of a kernel suits the processor.
//!
//! A [`Kernel`] is written once, in safe code that the compiler turns into vector instructions. [`run`] calls it from one of three
//! functions: one with the instructions that every processor of the target has, and on x86-64 one with AVX2 and one with AVX-512. The
//! body is inlined into each, so each gets its own machine code from the same source, and all compute the same: integers exactly,
//! floats with the same operations in the same order. The one exception, a fused multiply and add where the processor has it, is the
//! kernel's to prove equal; it is told by `fused`.
//!
//! # Why the unsafe code here is sound
//!
//! Calling a function compiled for instructions that the processor lacks is undefined. The two calls below are each made only
//! after `is_x86_feature_detected!` has said yes to every feature that the function called enables. Nothing else is unsafe.
#![allow(unsafe_code)]

/// Work that is worth a build of its own for each kind of processor.
///
/// `run` and what it calls in its inner loops must be `#[inline(always)]`: what is not inlined is compiled for every processor.
pub(crate) trait Kernel {
    type Output;

    /// `fused`: whether `f64::mul_add` is an instruction and not a call.
    fn run(self, fused: bool) -> Self::Output;
}

/// Runs `kernel` with the best instructions there are.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            // SAFETY: `has_avx512` has just asked for every feature that `avx512` enables.
            return unsafe { avx512(kernel) };
        }
        if has_avx2() {
            // SAFETY: `has_avx2` has just asked for every feature that `avx2` enables.
            return unsafe { avx2(kernel) };
        }
    }
    portable(kernel)
}

/// Runs `kernel` with the instructions that every processor of the target has.
#[inline]
pub(crate) fn portable<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(cfg!(any(target_arch = "aarch64", target_feature = "fma")))
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(true)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
)]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(true)
}

/// Runs a copy of `kernel` on every build that this processor can run: what a test compares.
#[cfg(test)]
pub(crate) fn run_each<K: Kernel>(make: impl Fn() -> K) -> Vec<K::Output> {
    let mut outputs = vec![portable(make())];
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx2() {
            // SAFETY: `has_avx2` has just asked for every feature that `avx2` enables.
            outputs.push(unsafe { avx2(make()) });
        }
        if has_avx512() {
            // SAFETY: `has_avx512` has just asked for every feature that `avx512` enables.
            outputs.push(unsafe { avx512(make()) });
        }
    }
    outputs
}
