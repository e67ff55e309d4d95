import { join } from "node:path";
import { type Photo, photograph, putGray, putText } from "./photographs.ts";

const number = (at: number, digits = 3) => String(at).padStart(digits, "0");
const window: Parameters<typeof photograph>[0] = { name: "transistor", style: "vias", side: 96 };

/** MVTec AD: one category with good training images, test images by defect, and masks. */
export async function putMvtec(root: string, counts = { train: 60, good: 20, each: 16 }): Promise<void> {
  for (let at = 0; at < counts.train; at++) {
    await putGray(join(root, "train/good", `${number(at)}.png`), photograph(window, `train ${at}`).gray, window.side);
  }
  for (let at = 0; at < counts.good; at++) {
    await putGray(join(root, "test/good", `${number(at)}.png`), photograph(window, `good ${at}`).gray, window.side);
  }
  for (const type of ["mousebite", "spur"] as const) {
    for (let at = 0; at < counts.each; at++) {
      const { gray, mask } = photograph(window, `${type} ${at}`, [type]);
      await putGray(join(root, "test", type, `${number(at)}.png`), gray, window.side);
      await putGray(join(root, "ground_truth", type, `${number(at)}_mask.png`), mask, window.side);
    }
  }
}

const defectTypes = ["mousebite", "spur"] as const;
const places = { U1: { name: "U1", style: "leads", side: 96 }, R5: { name: "R5", style: "array", side: 96 } } as const;

/** VisA: a table of labels and masks a product; some images have two defects. */
export async function putVisa(root: string): Promise<void> {
  const lines = ["image,label,mask"];
  for (let at = 0; at < 30; at++) {
    const name = `pcb1/Data/Images/Normal/${number(at, 4)}.JPG`;
    await putGray(join(root, name), photograph(window, `visa ${at}`).gray, window.side);
    lines.push(`${name},normal,`);
  }
  for (const [kind, types] of [
    ["bent", ["spur"]],
    ["melt", ["mousebite"]],
    ["bent,melt", ["spur", "mousebite"]],
  ] as const) {
    for (let at = 0; at < 6; at++) {
      const { gray, mask } = photograph(window, `visa ${kind} ${at}`, types);
      const stem = number(lines.length, 3);
      const [name, marked] = [`pcb1/Data/Images/Anomaly/${stem}.JPG`, `pcb1/Data/Masks/Anomaly/${stem}.png`];
      await putGray(join(root, name), gray, window.side);
      // Masks of VisA number their defects.
      await putGray(
        join(root, marked),
        mask.map((level) => (level === 0 ? 0 : 1)),
        window.side,
      );
      lines.push(`${name},${kind.includes(",") ? `"${kind}"` : kind},${marked}`);
    }
  }
  await putText(join(root, "pcb1/image_anno.csv"), `${lines.join("\n")}\n`);
}

/** Real-IAD: five views a sample; the defect of a sample is to be seen, and masked, in some of them. */
export async function putRealIad(root: string): Promise<void> {
  const put = async (folder: string, sample: number, kind: string, type?: (typeof defectTypes)[number]) => {
    for (const view of [1, 2, 3]) {
      const seen = type !== undefined && view < 3;
      const design = { name: `view ${view}`, style: "leads", side: 96 } as const;
      const { gray, mask } = photograph(design, `${folder} ${sample}`, seen ? [type] : []);
      const stem = join(
        root,
        "pcb",
        folder,
        `S${number(sample, 4)}`,
        `pcb_${number(sample, 4)}_${kind}_C${view}_20231027150512`,
      );
      await putGray(`${stem}.jpg`, gray, 96);
      if (seen) await putGray(`${stem}.png`, mask, 96);
    }
  };
  for (let at = 1; at <= 14; at++) await put("OK", at, "OK");
  for (const [code, type] of [
    ["AK", "spur"],
    ["QS", "mousebite"],
  ] as const) {
    for (let at = 1; at <= 6; at++) await put(`NG/${code}`, at, "NG", type);
  }
}

const board = (name: string) => ({ name, style: "bus", side: 320 }) as const;

/** DeepPCB: pairs of tested image and template with boxes as text. */
export async function putDeepPcb(root: string, boards = 14): Promise<void> {
  const codes = { open: 1, bridge: 2, mousebite: 3, spur: 4, copper: 5, "pin-hole": 6 } as const;
  for (let at = 0; at < boards; at++) {
    const stem = `00041${number(at)}`;
    const folder = join(root, "PCBData/group00041");
    const test = photograph(board(stem), "test", ["mousebite", "spur", "mousebite", "spur"]);
    await putGray(join(folder, "00041", `${stem}_test.jpg`), test.gray, test.side);
    await putGray(join(folder, "00041", `${stem}_temp.jpg`), photograph(board(stem), "temp").gray, test.side);
    const lines = test.boxes.map(
      ({ x, y, width, height, type }) => `${x} ${y} ${x + width} ${y + height} ${codes[type]}`,
    );
    await putText(join(folder, "00041_not", `${stem}.txt`), lines.join("\n"));
  }
}

function vocOf(name: string, { boxes, side }: Photo): string {
  const objects = boxes.map(
    ({ x, y, width, height, type }) => `<object>
\t\t<name>${type}</name>
\t\t<bndbox><xmin>${x}</xmin><ymin>${y}</ymin><xmax>${x + width}</xmax><ymax>${y + height}</ymax></bndbox>
\t</object>`,
  );
  return `<annotation>
\t<filename>${name}</filename>
\t<size><width>${side}</width><height>${side}</height><depth>3</depth></size>
\t${objects.join("\n\t")}
</annotation>
`;
}

/** HRIPCB: ten boards, each with a template and with photos of one type of defect each. */
export async function putHripcb(root: string): Promise<void> {
  for (let at = 1; at <= 10; at++) {
    const name = number(at, 2);
    await putGray(join(root, "PCB_USED", `${name}.JPG`), photograph(board(name), "template").gray, 320);
    for (const [folder, type] of [
      ["Mouse_bite", "mousebite"],
      ["Spur", "spur"],
    ] as const) {
      const stem = `${name}_${folder.toLowerCase()}_01`;
      const photo = photograph(board(name), folder, [type, type, type]);
      await putGray(join(root, "images", folder, `${stem}.jpg`), photo.gray, 320);
      await putText(join(root, "Annotations", folder, `${stem}.xml`), vocOf(`${stem}.jpg`, photo));
    }
  }
}

type Boxed = { readonly stem: string; readonly photo: Photo };

/** Photos of one product as a detector's data set has them: good boards among them, boxes on the others. */
function boxedPhotos(): Boxed[] {
  const product = board("product");
  return Array.from({ length: 30 }, (_, at) => {
    const defects = at % 3 === 0 ? [] : [defectTypes[at % 2] ?? "spur", defectTypes[(at + 1) % 2] ?? "spur"];
    return { stem: `board_${number(at)}`, photo: photograph(product, `boxed ${at}`, defects) };
  });
}

export async function putVoc(root: string): Promise<void> {
  for (const { stem, photo } of boxedPhotos()) {
    await putGray(join(root, "JPEGImages", `${stem}.jpg`), photo.gray, photo.side);
    await putText(join(root, "Annotations", `${stem}.xml`), vocOf(`${stem}.jpg`, photo));
  }
}

export async function putCoco(root: string): Promise<void> {
  const categories = defectTypes.map((name, at) => ({ id: at + 1, name }));
  const images: object[] = [];
  const annotations: object[] = [];
  for (const [id, { stem, photo }] of boxedPhotos().entries()) {
    await putGray(join(root, "train2017", `${stem}.jpg`), photo.gray, photo.side);
    images.push({ id, file_name: `${stem}.jpg`, width: photo.side, height: photo.side });
    for (const { x, y, width, height, type } of photo.boxes) {
      const category_id = categories.find(({ name }) => name === type)?.id;
      annotations.push({ id: annotations.length + 1, image_id: id, category_id, bbox: [x, y, width, height] });
    }
  }
  await putText(
    join(root, "annotations/instances_train2017.json"),
    JSON.stringify({ images, annotations, categories }),
  );
}

export async function putYolo(root: string): Promise<void> {
  await putText(join(root, "data.yaml"), "train: images/train\nnames:\n  0: mousebite\n  1: spur\n");
  for (const { stem, photo } of boxedPhotos()) {
    await putGray(join(root, "images/train", `${stem}.jpg`), photo.gray, photo.side);
    const lines = photo.boxes.map(({ x, y, width, height, type }) => {
      const shares = [x + width / 2, y + height / 2, width, height].map((value) => (value / photo.side).toFixed(6));
      return [type === "spur" ? 1 : 0, ...shares].join(" ");
    });
    await putText(join(root, "labels/train", `${stem}.txt`), lines.join("\n"));
  }
}

/** The export of an inspection line: board, side, component and lighting are in the names, the verdict is the folder. */
export async function putAoiExport(root: string): Promise<void> {
  for (let at = 0; at < 24; at++) {
    for (const [component, design] of Object.entries(places)) {
      const type = at % 3 === 0 ? defectTypes[(at / 3) % 2] : undefined;
      const folder = type === undefined ? "OK" : type;
      for (const light of ["White", "SolderLight"]) {
        const { gray } = photograph(design, `${at} ${type ?? ""}`, type === undefined ? [] : [type]);
        const shade = light === "White" ? gray : gray.map((level) => Math.round(level * 0.7));
        await putGray(join(root, folder, `B${number(at)}_TOP_${component}_${light}.png`), shade, design.side);
      }
    }
  }
}

/** A table of images: verdicts as numbers, boards as serial numbers, a golden image a component. */
export async function putTable(root: string): Promise<void> {
  const lines = ["img_file,verdict,serial,refdes,ref"];
  for (const [component, design] of Object.entries(places)) {
    await putGray(join(root, "golden", `${component}.png`), photograph(design, "golden").gray, design.side);
    for (let at = 0; at < 24; at++) {
      const isGood = at % 3 !== 0;
      const name = `shots/${component}-${number(at)}.png`;
      await putGray(join(root, name), photograph(design, `table ${at}`, isGood ? [] : ["spur"]).gray, design.side);
      lines.push(`${name},${isGood ? 0 : 1},SN${number(at)},${component},golden/${component}.png`);
    }
  }
  await putText(join(root, "parts.csv"), `${lines.join("\n")}\n`);
}

/** One folder a label below folders of a split. */
export async function putFolders(root: string): Promise<void> {
  for (const [set, count] of [
    ["train", 24],
    ["val", 12],
  ] as const) {
    for (let at = 0; at < count; at++) {
      const { gray } = photograph(window, `${set} ${at}`, at % 2 === 0 ? [] : ["mousebite"]);
      await putGray(
        join(root, set, at % 2 === 0 ? "Normal" : "Mouse Bite", `img_${number(at)}.png`),
        gray,
        window.side,
      );
    }
  }
}
