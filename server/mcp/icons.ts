import type { Toolset } from "../../tools/define.ts";

/** The pictures of `assets/`, here as text so that a client shows them without fetching anything. */
export const pictures: Readonly<Record<Toolset, string>> = {
  deft: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><title>DEFT AOI loop</title><rect width="16" height="16" rx="3" fill="#0b3d2e"/><path d="M12.5 8A4.5 4.5 0 1 1 8 3.5h3M9.3 1.8l2 1.7-2 1.7" fill="none" stroke="#cfe" stroke-width="1.4"/><circle cx="8" cy="8" r="1.8" fill="#f80"/></svg>',
  osmo: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><title>Defect images</title><rect width="16" height="16" rx="3" fill="#0b3d2e"/><path d="M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3z" fill="#cfe"/><circle cx="11" cy="11" r="2.2" fill="#f80"/></svg>',
};

/** The icon of the server (its loop) or of a tool (its toolset), as the protocol lists icons. */
export function iconsOf(toolset: Toolset): { src: string; mimeType: string; sizes: string[] }[] {
  const src = `data:image/svg+xml;base64,${Buffer.from(pictures[toolset]).toString("base64")}`;
  return [{ src, mimeType: "image/svg+xml", sizes: ["any"] }];
}
