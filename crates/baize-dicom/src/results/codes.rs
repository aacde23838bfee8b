//! Every coded concept that the result objects use: one table, pinned by a test.
//!
//! The codes are from DICOM PS3.16 (templates TID, context groups CID, annex D); English meanings are the standard's.
//! The findings themselves bring their codes along, from the manifest of their model.

use baize_core::Language;

/// A concept with its meaning in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// Coding Scheme Designator.
    pub(crate) scheme: &'static str,
    /// Code Value, at most 16 characters.
    pub(crate) value: &'static str,
    en: &'static str,
    zh: &'static str,
}

impl Code {
    /// Code Meaning.
    pub(crate) const fn meaning(self, language: Language) -> &'static str {
        match language {
            Language::Chinese => self.zh,
            Language::English => self.en,
        }
    }
}

macro_rules! codes {
    ($($name:ident = $scheme:literal $value:literal $en:literal $zh:literal, $source:literal;)*) => {
        $(
            #[doc = concat!($en, " (PS3.16 ", $source, ").")]
            pub(crate) const $name: Code = Code { scheme: $scheme, value: $value, en: $en, zh: $zh };
        )*

        #[cfg(test)]
        const ALL: &[(Code, &str)] = &[$(($name, $source),)*];
    };
}

codes! {
    // The document and its context.
    IMAGING_MEASUREMENT_REPORT = "DCM" "126000" "Imaging Measurement Report" "影像测量报告", "TID 1500";
    LANGUAGE = "DCM" "121049" "Language of Content Item and Descendants" "内容项及其下级的语言", "TID 1204";
    ENGLISH = "RFC5646" "en-US" "English (United States)" "英语（美国）", "CID 5000";
    CHINESE = "RFC5646" "zh-CN" "Chinese (China)" "中文（中国）", "CID 5000";
    OBSERVER_TYPE = "DCM" "121005" "Observer Type" "观察者类型", "TID 1002";
    DEVICE = "DCM" "121007" "Device" "设备", "CID 270";
    DEVICE_OBSERVER_UID = "DCM" "121012" "Device Observer UID" "观察设备 UID", "TID 1004";
    DEVICE_OBSERVER_NAME = "DCM" "121013" "Device Observer Name" "观察设备名称", "TID 1004";
    DEVICE_OBSERVER_MANUFACTURER = "DCM" "121014" "Device Observer Manufacturer" "观察设备制造商", "TID 1004";
    DEVICE_OBSERVER_MODEL = "DCM" "121015" "Device Observer Model Name" "观察设备型号", "TID 1004";
    DEVICE_OBSERVER_SERIAL = "DCM" "121016" "Device Observer Serial Number" "观察设备序列号", "TID 1004";
    PROCEDURE_REPORTED = "DCM" "121058" "Procedure reported" "所报告的检查", "TID 1500";
    PLAIN_CHEST_RADIOGRAPH = "SCT" "399208008" "Plain chest X-ray" "胸部 X 线平片", "TID 1500";
    IMAGING_PROCEDURE = "SCT" "363679005" "Imaging procedure" "影像检查", "CID 100";

    // The images.
    IMAGE_LIBRARY = "DCM" "111028" "Image Library" "图像库", "TID 1600";
    IMAGE_LIBRARY_GROUP = "DCM" "126200" "Image Library Group" "图像库分组", "TID 1600";
    MODALITY = "DCM" "121139" "Modality" "设备类型", "TID 1602";
    COMPUTED_RADIOGRAPHY = "DCM" "CR" "Computed Radiography" "计算机 X 线摄影", "CID 29";
    DIGITAL_RADIOGRAPHY = "DCM" "DX" "Digital Radiography" "数字 X 线摄影", "CID 29";
    COMPUTED_TOMOGRAPHY = "DCM" "CT" "Computed Tomography" "计算机断层成像", "CID 29";
    MAGNETIC_RESONANCE = "DCM" "MR" "Magnetic Resonance" "磁共振成像", "CID 29";
    PIXEL_DATA_ROWS = "DCM" "110910" "Pixel Data Rows" "像素数据行数", "TID 1604";
    PIXEL_DATA_COLUMNS = "DCM" "110911" "Pixel Data Columns" "像素数据列数", "TID 1604";
    PIXELS = "UCUM" "{pixels}" "Pixels" "像素", "CID 82";

    // One finding.
    IMAGING_MEASUREMENTS = "DCM" "126010" "Imaging Measurements" "影像测量", "TID 1500";
    MEASUREMENT_GROUP = "DCM" "125007" "Measurement Group" "测量分组", "TID 1410, TID 1501";
    TRACKING_IDENTIFIER = "DCM" "112039" "Tracking Identifier" "追踪标识", "TID 1410, TID 1501";
    TRACKING_UNIQUE_IDENTIFIER = "DCM" "112040" "Tracking Unique Identifier" "追踪唯一标识", "TID 1410, TID 1501";
    FINDING = "DCM" "121071" "Finding" "所见", "TID 1410, TID 1501";
    ALGORITHM_NAME = "DCM" "111001" "Algorithm Name" "算法名称", "TID 4019";
    ALGORITHM_VERSION = "DCM" "111003" "Algorithm Version" "算法版本", "TID 4019";
    ALGORITHM_PARAMETERS = "DCM" "111002" "Algorithm Parameters" "算法参数", "TID 4019";
    CERTAINTY_OF_FINDING = "DCM" "111012" "Certainty of Finding" "所见的可信度", "CID 6048";
    PERCENT = "UCUM" "%" "Percent" "百分比", "CID 82";
    HAS_INTERPRETATION = "SCT" "363713009" "Has interpretation" "判读", "TID 1501";
    PRESENT = "SCT" "52101004" "Present" "存在", "CID 240";
    ABSENT = "SCT" "272519000" "Absent" "不存在", "CID 240";
    UNDETERMINED = "SCT" "373068000" "Undetermined" "无法确定", "CID 240";
    IMAGE_REGION = "DCM" "111030" "Image Region" "图像区域", "TID 1410";
    SOURCE_OF_MEASUREMENT = "DCM" "121112" "Source of Measurement" "测量来源", "TID 1501";

    // What concerns the report as a whole, and how a run ended that gave no finding.
    QUALITATIVE_EVALUATIONS = "UMLS" "C0034375" "Qualitative Evaluations" "定性评估", "TID 1500";
    COMMENT = "DCM" "121106" "Comment" "备注", "CID 12101";
    PROCESSING_SUMMARY = "DCM" "111017" "CAD Processing and Findings Summary" "计算机辅助处理与所见小结", "TID 4000";
    NO_ALGORITHM_SUCCEEDED = "DCM" "111245" "No algorithms succeeded; without findings" "算法均未成功，未给出任何结论", "CID 6047";
    SUMMARY_OF_DETECTIONS = "DCM" "111064" "Summary of Detections" "检测执行情况", "TID 4000";
    FAILED = "DCM" "111224" "Failed" "失败", "CID 6042";
    NOT_ATTEMPTED = "DCM" "111225" "Not Attempted" "未执行", "CID 6042";

    // Key object selection, key image, equipment.
    FOR_REPORT_ATTACHMENT = "DCM" "113020" "For Report Attachment" "用于报告附件", "CID 7010";
    KEY_OBJECT_DESCRIPTION = "DCM" "113012" "Key Object Description" "关键对象说明", "TID 2010";
    SOURCE_IMAGE = "DCM" "121322" "Source image for image processing operation" "图像处理的源图像", "CID 7202";
    SEGMENTATION = "DCM" "113076" "Segmentation" "分割", "CID 7203";
    UNSPECIFIED_CALCULATION = "DCM" "112187" "Unspecified method of calculation" "未说明的计算方法", "annex D";
    ARTIFICIAL_INTELLIGENCE = "DCM" "123110" "Artificial Intelligence" "人工智能", "CID 7162";
    SPATIAL_CONCEPT = "SCT" "309825002" "Spatial and Relational Concept" "空间与关系概念", "CID 7150";
    ANATOMICAL_STRUCTURE = "SCT" "91723000" "Anatomical Structure" "解剖结构", "CID 7150";
    LEFT = "SCT" "7771000" "Left" "左侧", "CID 244";
    RIGHT = "SCT" "24028007" "Right" "右侧", "CID 244";
    SELECTED_REGION = "DCM" "111099" "Selected region" "选定区域", "annex D";
    QUANTITY = "SCT" "246205007" "Quantity" "量", "PS3.3 section C.7.6.16.2.11";
    CLASS_ACTIVATION = "DCM" "130403" "Gradient-weighted class activation" "梯度加权类激活", "CID 218";
    NO_UNITS = "UCUM" "1" "no units" "无单位", "CID 7181";
    PROCESSING_EQUIPMENT = "DCM" "109102" "Processing Equipment" "处理设备", "CID 7005";
}

/// The modality as CID 29 codes it; `None` for those that no model of ours reads.
pub(crate) fn modality(defined_term: &str) -> Option<Code> {
    [COMPUTED_RADIOGRAPHY, DIGITAL_RADIOGRAPHY, COMPUTED_TOMOGRAPHY, MAGNETIC_RESONANCE]
        .into_iter()
        .find(|code| code.value == defined_term)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_table_is_as_reviewed() {
        let mut table = String::new();
        for (code, source) in ALL {
            writeln!(table, "{}|{}|{}|{}|{source}", code.scheme, code.value, code.en, code.zh).unwrap();
        }
        assert_eq!(table, include_str!("codes.reviewed.txt"));
    }

    #[test]
    fn every_code_fits_its_attributes_and_stands_once() {
        let mut seen = HashSet::new();
        for (code, _) in ALL {
            assert!(seen.insert((code.scheme, code.value)), "{code:?} stands twice");
            assert!(code.value.len() <= 16 && code.scheme.len() <= 16, "{code:?} does not fit SH");
            assert!(code.en.len() <= 64 && code.zh.chars().count() <= 64, "{code:?} does not fit LO");
            assert!(!code.zh.is_ascii(), "{code:?} lacks its Chinese meaning");
        }
    }
}
