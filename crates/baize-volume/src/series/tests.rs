use baize_testkit::ObjectBuilder;

use super::*;

const DEMANDS: Demands = Demands { min_slices: 3, max_spacing: 2.0, min_extent: 5.0, max_voxels: 1 << 20 };

fn header() -> Header {
    let limits = baize_imaging::Limits { max_object_bytes: 1 << 24, max_pixels: 1 << 20 };
    baize_imaging::read_header(&ObjectBuilder::chest(1).build(), &limits).unwrap()
}

fn place(position: Vector) -> Place {
    Place {
        position,
        orientation: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        spacing: [1.0, 1.0],
        frame_of_reference: "1.2.3".to_owned(),
        size: [10, 12],
    }
}

fn plan(places: &[Place]) -> Result<Plan, Fault> {
    let header = header();
    let slices: Vec<(&Header, &Place)> = places.iter().map(|place| (&header, place)).collect();
    Plan::new(&slices, &DEMANDS)
}

/// Slices from foot to head.
fn axial(heights: &[f64]) -> Vec<Place> {
    heights.iter().map(|height| place([-5.0, 3.0, *height])).collect()
}

#[test]
fn slices_are_ordered_by_where_they_lie() {
    let plan = plan(&axial(&[3.0, 0.0, 4.5, 1.5, 6.0, 7.5])).unwrap();
    assert_eq!(plan.order, [1, 3, 0, 2, 4, 5]);
    assert_eq!(plan.grid.size, [12, 10, 6]);
    assert_eq!(plan.grid.origin, [-5.0, 3.0, 0.0]);
    assert_eq!(plan.grid.steps[2], [0.0, 0.0, 1.5]);
    assert!((plan.grid.voxel_volume() - 1.5).abs() < 1e-12);
}

#[test]
fn sagittal_slices_make_a_grid_of_their_own() {
    let mut places: Vec<Place> = (0..8).map(|number| place([f64::from(number) * 1.2, 0.0, 0.0])).collect();
    for place in &mut places {
        place.orientation = [[0.0, 1.0, 0.0], [0.0, 0.0, -1.0]];
        place.spacing = [0.9, 0.8];
    }
    let plan = plan(&places).unwrap();
    // Rows × columns points to the right (-x), so the first slice is the leftmost.
    assert_eq!(plan.order, [7, 6, 5, 4, 3, 2, 1, 0]);
    assert!(length(minus(plan.grid.steps[0], [0.0, 0.8, 0.0])) < 1e-12);
    assert!(length(minus(plan.grid.steps[1], [0.0, 0.0, -0.9])) < 1e-12);
    assert!(length(minus(plan.grid.steps[2], [-1.2, 0.0, 0.0])) < 1e-12);
}

#[test]
fn what_makes_no_volume_is_refused_with_the_place() {
    let check = |places: Vec<Place>, code: ErrorCode, said: &str| {
        let fault = plan(&places).unwrap_err();
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.message.contains(said), "{fault}");
        let chinese = fault.told(baize_core::Language::Chinese);
        assert!(!chinese.contains("英文"), "no Chinese sentence for: {fault}");
    };
    let unfit = ErrorCode::UnfitSeries;
    check(vec![], unfit, "no slices");
    check(axial(&[0.0, 1.0]), ErrorCode::TooSmall, "2 slices");
    check(
        axial(&[0.0, 1.0, 2.0, 5.0, 6.0]),
        unfit,
        "between the slices at 2.00 mm and 5.00 mm, 2 of the series",
    );
    check(axial(&[0.0, 1.0, 2.0, 2.0, 3.0]), unfit, "two slices stand at 2.00 mm");
    check(axial(&[0.0, 1.0, 2.3, 3.0, 4.0]), unfit, "lie 1.300 mm apart");
    check(axial(&[1.0; 6]), unfit, "one place");
    check(axial(&[0.0, 2.5, 5.0, 7.5]), unfit, "2.50 mm long");
    check(axial(&[0.0, 1.0, 2.0]), ErrorCode::TooSmall, "3 mm wide");

    let changed = |change: &dyn Fn(&mut Place)| {
        let mut places = axial(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        change(&mut places[3]);
        places
    };
    check(changed(&|place| place.size = [10, 11]), unfit, "Rows");
    check(changed(&|place| place.spacing = [1.0, 1.1]), unfit, "Pixel Spacing");
    check(changed(&|place| place.frame_of_reference = "1.9".to_owned()), unfit, "Frame of Reference");
    check(changed(&|place| place.orientation[0] = [0.995, 0.0998, 0.0]), unfit, "Image Orientation");
    check(changed(&|place| place.position[1] += 0.5), unfit, "displaced sideways");
    let tilted: Vec<Place> =
        (0..8).map(|number| place([0.0, f64::from(number) * 0.3, f64::from(number)])).collect();
    check(tilted, unfit, "tilted gantry");
}

#[test]
fn enhanced_objects_and_mixed_series_are_told_apart() {
    let limits = baize_imaging::Limits { max_object_bytes: 1 << 24, max_pixels: 1 << 20 };
    let read = |object: &[u8]| baize_imaging::read_header(object, &limits).unwrap();
    let (one, other) = (read(&ObjectBuilder::chest(1).build()), read(&ObjectBuilder::chest(2).build()));
    let several = read(&ObjectBuilder::chest(1).frames(4).build());
    let place = place([0.0; 3]);
    let fault = |slices: &[(&Header, &Place)]| Plan::new(slices, &DEMANDS).unwrap_err();
    assert_eq!(fault(&[(&several, &place)]).code, ErrorCode::MultiFrame);
    assert!(fault(&[(&one, &place), (&other, &place)]).message.contains("several series"));
}
