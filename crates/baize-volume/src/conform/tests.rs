use super::*;

fn volume(size: [usize; 3], origin: Vector, steps: [Vector; 3], value: impl Fn(Vector) -> f32) -> Volume {
    let grid = Grid { size, origin, steps };
    let mut voxels = Vec::new();
    for k in 0..size[2] {
        for j in 0..size[1] {
            for i in 0..size[0] {
                voxels.push(value(grid.point([i as f64, j as f64, k as f64])));
            }
        }
    }
    Volume { grid, voxels }
}

/// A ball with a bump on its left, above 255 so that it is scaled.
fn ball(point: Vector) -> f32 {
    let distance = length(minus(point, [3.0, -4.0, 5.0]));
    let bump = length(minus(point, [30.0, -4.0, 5.0]));
    if bump < 6.0 { 900.0 } else { (400.0 - 12.0 * distance as f32).max(0.0) }
}

/// The same patient, stored in three ways: the conformed volumes are one, up to the blur of other spacings.
#[test]
fn how_a_series_is_stored_does_not_matter() {
    let axial = volume(
        [80, 80, 80],
        [-40.0, -40.0, -40.0],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        ball,
    );
    let reference = conform(&axial).unwrap();
    assert!(!reference.cut);
    let backwards = volume(
        [80, 80, 80],
        [-40.0, -40.0, 39.0],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]],
        ball,
    );
    assert_eq!(conform(&backwards).unwrap(), reference);
    let sagittal = volume(
        [80, 80, 80],
        [39.0, -40.0, 39.0],
        [[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]],
        ball,
    );
    assert_eq!(conform(&sagittal).unwrap(), reference);
    let at = |point: Vector| {
        let voxel = reference.grid.finder().unwrap().voxel(point).map(|part| part.round() as usize);
        reference.voxels[(voxel[2] * SIDE + voxel[1]) * SIDE + voxel[0]]
    };
    assert_eq!(at([30.0, -4.0, 5.0]), 255, "the bump is on the patient's left");
    assert!(at([-24.0, -4.0, 5.0]) < 80, "and not on the right");
}

#[test]
fn eight_bits_stay_as_they_are() {
    let check = |values: &[f32], expected: Option<&[u8]>| {
        let scaled =
            Scale::of(values).map(|scale| values.iter().map(|value| scale.apply(*value)).collect::<Vec<_>>());
        assert_eq!(scaled.as_deref(), expected, "{values:?}");
    };
    check(&[0.0, 17.0, 112.0, 255.0], Some(&[0, 17, 112, 255]));
    check(&[3.0, 17.0], Some(&[3, 17]));
    check(&[5.0, 5.0], None);
    check(&[f32::NAN, 5.0], None);
    // From the minimum on; the top bin's lower edge is white.
    check(&[-1000.0, 0.0, 1000.0], Some(&[0, 128, 255]));
    // One voxel in ten thousand does not darken all others.
    let mut values: Vec<f32> = (0..10_000).map(|number| (number % 1000) as f32).collect();
    values[0] = 60_000.0;
    let scale = Scale::of(&values).unwrap();
    assert!(scale.apply(500.0) > 120, "{scale:?}");
}

/// Labels come back to where they were, on grids of any orientation.
#[test]
fn labels_come_back_to_the_series() {
    let sides: [f64; 3] = [0.8, 1.3, 1.1];
    let turn = 0.2_f64;
    let steps = [
        [sides[0] * turn.cos(), sides[0] * turn.sin(), 0.0],
        [-sides[1] * turn.sin(), sides[1] * turn.cos(), 0.0],
        [0.0, 0.0, sides[2]],
    ];
    let source = volume([90, 60, 70], [-36.0, -39.0, -38.0], steps, ball);
    let conformed = conform(&source).unwrap();
    let labels: Vec<u8> = conformed.voxels.iter().map(|value| u8::from(*value > 60)).collect();
    let found = back(&labels, &conformed.grid, &source.grid);
    let volume_there: f64 = labels.iter().filter(|label| **label == 1).count() as f64;
    let volume_here = found.iter().filter(|label| **label == 1).count() as f64 * source.grid.voxel_volume();
    assert!((volume_here / volume_there - 1.0).abs() < 0.02, "{volume_here} mm³ of {volume_there}");
    let scale = Scale::of(&source.voxels).unwrap();
    let agreeing = found
        .iter()
        .zip(&source.voxels)
        .filter(|(label, value)| (**label == 1) == (scale.apply(**value) > 60))
        .count();
    assert!(agreeing as f64 / found.len() as f64 > 0.99);
}

#[test]
fn what_lies_beyond_256_millimetres_is_told() {
    let long = volume([4, 4, 300], [0.0; 3], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], |point| {
        point[2] as f32 * 3.0
    });
    let conformed = conform(&long).unwrap();
    assert!(conformed.cut);
    assert_eq!(
        back(&vec![1; SIDE * SIDE * SIDE], &conformed.grid, &long.grid).iter().filter(|l| **l == 0).count(),
        44 * 16
    );
}
