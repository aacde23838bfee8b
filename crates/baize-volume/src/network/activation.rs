//! What follows a convolution.

/// The activation of a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `x` where it is positive, else `exp(x) - 1`.
    Elu,
}

impl Activation {
    /// Applies it to a row. Inlined into the vectorised caller.
    #[inline(always)]
    pub(crate) fn apply(self, row: &mut [f32]) {
        match self {
            Self::Relu => row.iter_mut().for_each(|value| *value = value.max(0.0)),
            Self::Elu => row.iter_mut().for_each(|value| {
                let negative = exp(value.min(0.0)) - 1.0;
                *value = if *value > 0.0 { *value } else { negative };
            }),
        }
    }
}

/// `exp(x)` for `x` of at most 0, to about 2e-7: in steps that a compiler can vectorise, unlike the library's function.
/// Range reduction and polynomial are those of Cephes' `expf` (S. Moshier, 1989).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * rest + coefficient;
    }
    let fraction = sum * rest * rest + rest + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    fraction * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_library() {
        let mut worst = 0.0_f32;
        for step in 0..1_000_000 {
            let x = -(step as f32) * 2e-5;
            worst = worst.max((exp(x) - x.exp()).abs());
        }
        assert!(worst < 2e-7, "{worst}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e9) < 1e-37);
    }

    #[test]
    fn activations_are_as_defined() {
        let mut row = [-2.0, -0.5, 0.0, 3.0];
        Activation::Relu.apply(&mut row);
        assert_eq!(row, [0.0, 0.0, 0.0, 3.0]);
        let mut row = [-2.0_f32, 0.0, 3.0];
        Activation::Elu.apply(&mut row);
        assert!((row[0] - (-2.0_f32).exp_m1()).abs() < 2e-7);
        assert_eq!(row[1..3], [0.0, 3.0]);
    }
}
