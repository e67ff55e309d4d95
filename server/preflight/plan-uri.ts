/** Where the Markdown of a pending plan can be read. */
export function planUri(planId: string): string {
  return `deft://plan/${planId}`;
}
