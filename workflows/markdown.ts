/** Pieces of the Markdown that the Temporal UI shows to staff. */

/**
 * Text that comes from outside, or that is to be copied as it stands: the UI turns what else looks like an
 * address into a link, and straight quotes into curly ones, which JSON does not know.
 */
export function code(text: string): string {
  return `\`${text.replaceAll('`', "'").replaceAll(/\s+/g, ' ')}\``;
}

/** @param iso as workflows pass times on @returns `2026-01-31 12:00:00 UTC` */
export function time(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** Below the sections comes a line, because the UI cuts off the end of what it shows. */
export function page(sections: readonly (string | undefined)[]): string {
  return [...sections.filter((section) => section !== undefined), '---'].join('\n\n');
}
