//! What the message of a fault says, in Chinese: one table of sentences, so that a report, an answer and a picture say
//! the same. A fault is made with an English message; numbers and attributes in it are taken over as they are.

use crate::{Fault, Language};

/// English and Chinese, each with a `{}` where the message has a value; the values keep their order.
const SENTENCES: &[(&str, &str)] = &[
    // Whether a model may read the image.
    ("{} is {}; the model reads one frame", "{} 为 {}；该模型只读取单帧图像"),
    ("{} is {}; the model reads {}", "{} 为 {}；该模型可读取：{}"),
    (
        "Rows (0028,0010) is {} and Columns (0028,0011) is {}; the model needs {} on each side",
        "Rows (0028,0010) 为 {}，Columns (0028,0011) 为 {}；该模型要求每边至少 {} 像素",
    ),
    // Whether the model was validated on such a patient; the reasons are parted by semicolons.
    ("outside the validated population: {}", "超出已验证人群：{}"),
    (
        "the patient's age is outside the validated range (from {} to under {} years)",
        "患者年龄不在已验证范围内（满 {} 岁至不满 {} 岁）",
    ),
    ("the model was not validated on {} views", "该模型未在 {} 位图像上验证"),
    // What the pixels show.
    (
        "the pixels look like {} ({}, probability {}); the model reads {}",
        "图像内容像是{}（{}，概率 {}）；该模型可读取：{}",
    ),
    (
        "the pixels do not look enough like {} (nearest: {}, {}, probability {})",
        "图像内容与{}不够相像（最接近：{}，{}，概率 {}）",
    ),
    (
        "the image has {} different grey values; at least {} are needed",
        "图像只有 {} 个不同灰度值，至少需要 {} 个",
    ),
    ("the image has no contrast: it is blank or nearly so", "图像没有对比度：为空白或近乎空白"),
    (
        "light and dark seem to be swapped; check Photometric Interpretation (0028,0004) and the Presentation LUT Shape (2050,0020)",
        "图像黑白疑似反转；请检查 Photometric Interpretation (0028,0004) 与 Presentation LUT Shape (2050,0020)",
    ),
    (
        "what {} sees in this image is far from all that it was trained and validated on (distance {}, at most {})",
        "{} 在该图像中所见与其训练和验证数据相差过大（距离 {}，上限 {}）",
    ),
    ("no model is installed", "未安装任何模型"),
    ("the object has no Rows or Columns and so no image", "该对象没有 Rows 或 Columns，因此不含图像"),
    (
        "the object is a result of Baize that came back; it is not analysed",
        "该对象是回传的白泽结果，不再分析",
    ),
    // Whether the pixels can be read.
    (
        "Pixel Data (7FE0,0010) is absent: the object holds no image",
        "缺少 Pixel Data (7FE0,0010)：该对象不含图像",
    ),
    (
        "Number of Frames (0028,0008) is {}: send single-frame images",
        "Number of Frames (0028,0008) 为 {}：请发送单帧图像",
    ),
    (
        "Photometric Interpretation (0028,0004) is neither MONOCHROME1 nor MONOCHROME2 with one sample per pixel",
        "Photometric Interpretation (0028,0004) 不是单样本的 MONOCHROME1 或 MONOCHROME2",
    ),
    (
        "Rows x Columns is {} x {}, more than the limit of {} pixels",
        "Rows × Columns 为 {} × {}，超过 {} 像素的上限",
    ),
    (
        "Float Pixel Data (7FE0,0008) or (7FE0,0009) is not read: send integer Pixel Data",
        "不读取浮点像素数据 (7FE0,0008) 或 (7FE0,0009)：请发送整数像素数据",
    ),
    ("Bits Allocated (0028,0100) is {}: send 8 or 16", "Bits Allocated (0028,0100) 为 {}：请使用 8 或 16"),
    (
        "no decoder for transfer syntax {}: send Explicit VR Little Endian",
        "没有传输语法 {} 的解码器：请以 Explicit VR Little Endian 发送",
    ),
    (
        "Pixel Data (7FE0,0010) is encapsulated or not, contrary to the transfer syntax",
        "Pixel Data (7FE0,0010) 的封装方式与传输语法不符",
    ),
    (
        "Pixel Data (7FE0,0010) holds {} samples where Rows and Columns need {}",
        "Pixel Data (7FE0,0010) 有 {} 个样本，而 Rows 与 Columns 需要 {} 个",
    ),
    ("{} is missing or empty", "{} 缺失或为空"),
    ("the deflated data set is damaged or cut short", "压缩的数据集已损坏或不完整"),
    (
        "decoding needs {} bytes, more than the memory configured for decoded images",
        "解码需要 {} 字节，超过为解码图像配置的内存",
    ),
    // Whether the slices of a series make a volume.
    ("the series has no slices", "该序列没有切片"),
    ("the slices are of several series", "这些切片属于多个序列"),
    ("the slices differ in {}", "各切片的 {} 不一致"),
    ("the series has {} slices; the model needs {}", "该序列有 {} 层；该模型至少需要 {} 层"),
    ("the slices lie at one place: the series is no stack", "各切片位置相同：该序列不是连续层面"),
    ("two slices stand at {} mm along the slice direction", "沿层面方向 {} mm 处有两层重复的切片"),
    (
        "the slices at {} mm and {} mm lie {} mm apart, where {} mm is usual",
        "位于 {} mm 与 {} mm 的两层相距 {} mm，而通常层距为 {} mm",
    ),
    (
        "between the slices at {} mm and {} mm, {} of the series are missing",
        "位于 {} mm 与 {} mm 的两层之间缺少 {} 层",
    ),
    (
        "the slices are displaced sideways by up to {} mm, as with a tilted gantry",
        "各层横向错位最大 {} mm（如机架倾斜扫描）",
    ),
    ("the volume has {} voxels, more than the limit of {}", "该容积有 {} 个体素，超过 {} 个的上限"),
    ("the voxels are {} mm long; the model reads up to {} mm", "体素边长为 {} mm；该模型最多支持 {} mm"),
    ("the volume is {} mm wide; the model needs {} mm", "该容积的范围为 {} mm；该模型至少需要 {} mm"),
    ("Modality (0008,0060) is {}; the model reads {}", "Modality (0008,0060) 为 {}；该模型可读取：{}"),
    ("the volume is empty: all its voxels are alike", "该容积没有内容：所有体素的值相同"),
    (
        "the network needs {} MiB for this volume, more than volumes.memory_mib, which is {}",
        "该容积的计算需要 {} MiB 内存，超过配置项 volumes.memory_mib 的 {}",
    ),
    // Whether the model could run.
    ("the network's answer is not a number", "网络的输出不是数值"),
    ("a processing stage failed unexpectedly on this object", "处理该对象时某一步骤意外失败"),
];

/// What stands in the place of a value.
const VALUES: &[(&str, &str)] = &[
    ("missing", "空"),
    ("not a known term", "未知术语"),
    ("the patient's age is not known", "患者年龄未知"),
    ("the body part is not stated", "检查部位未注明"),
    ("the view is not stated", "投照体位未注明"),
    ("an abdominal CT", "腹部 CT"),
    ("a breast MR", "乳腺 MR"),
    ("a chest CT", "胸部 CT"),
    ("a chest radiograph", "胸部 X 线片"),
    ("a hand radiograph", "手部 X 线片"),
    ("a head CT", "头部 CT"),
    ("something else", "其他图像"),
];
/// Parts a value that is a list.
const LIST: &str = "; ";

impl Fault {
    /// What went wrong, for a person: the message in English; in Chinese its sentence of the table, or, where it has
    /// none, the message marked as what it is.
    pub fn told(&self, language: Language) -> String {
        match language {
            Language::English => self.message.clone(),
            Language::Chinese => {
                chinese(&self.message).unwrap_or_else(|| format!("技术信息（英文）：{}", self.message))
            }
        }
    }
}

/// The message in Chinese; `None` where the table does not know it.
fn chinese(message: &str) -> Option<String> {
    SENTENCES.iter().find_map(|(en, zh)| {
        let values = values(en, message)?;
        let mut told = String::new();
        let mut values = values.into_iter();
        for (number, part) in zh.split("{}").enumerate() {
            if number > 0 {
                let parts: Vec<String> = values.next()?.split(LIST).map(value).collect();
                told.push_str(&parts.join("；"));
            }
            told.push_str(part);
        }
        Some(told)
    })
}

/// A value in Chinese, or as it is where no table knows it.
fn value(en: &str) -> String {
    let known = VALUES.iter().find(|(known, _)| *known == en).map(|(_, zh)| (*zh).to_owned());
    known.or_else(|| chinese(en)).unwrap_or_else(|| en.to_owned())
}

/// What stands in the message where the sentence has `{}`; `None` where the message is another one.
fn values<'a>(sentence: &str, message: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = sentence.split("{}");
    let mut rest = message.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let (value, after) = match parts.peek() {
            // The last part ends the message.
            None => (rest.strip_suffix(part)?, ""),
            Some(_) => rest.split_once(part)?,
        };
        values.push(value);
        rest = after;
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn every_sentence_is_whole_in_both_languages() {
        for (en, zh) in SENTENCES {
            assert_eq!(en.matches("{}").count(), zh.matches("{}").count(), "{en}");
            assert!(!zh.is_ascii(), "{en}");
            let message = en.replace("{}", "7");
            let told = chinese(&message).unwrap_or_default();
            assert!(!told.is_ascii() && told.matches('7').count() >= en.matches("{}").count(), "{told}");
        }
    }

    #[test]
    fn values_stay_and_words_among_them_are_translated() {
        let cases = [
            (
                "Modality (0008,0060) is MR; the model reads CR, DX",
                "Modality (0008,0060) 为 MR；该模型可读取：CR, DX",
            ),
            (
                "View Position (0018,5101) is missing; the model reads AP",
                "View Position (0018,5101) 为 空；该模型可读取：AP",
            ),
            (
                "Number of Frames (0028,0008) is 3; the model reads one frame",
                "Number of Frames (0028,0008) 为 3；该模型只读取单帧图像",
            ),
            (
                "outside the validated population: the patient's age is not known; the model was not validated on PA views",
                "超出已验证人群：患者年龄未知；该模型未在 PA 位图像上验证",
            ),
            ("no model is installed", "未安装任何模型"),
            ("what nobody translated", "技术信息（英文）：what nobody translated"),
        ];
        for (message, expected) in cases {
            let fault = Fault::new(ErrorCode::WrongModality, message);
            assert_eq!(fault.told(Language::Chinese), expected);
            assert_eq!(fault.told(Language::English), message);
        }
    }

    /// For every code there is something Chinese to say, whatever the message.
    #[test]
    fn every_code_is_told_in_chinese() {
        for code in ErrorCode::ALL {
            let fault = Fault::new(*code, "x");
            assert!(!fault.told(Language::Chinese).is_ascii() && !code.title(Language::Chinese).is_ascii());
        }
    }
}
