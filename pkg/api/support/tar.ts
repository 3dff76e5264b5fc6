/** A text file of the archive; the name has at most 99 ASCII characters. */
export type TarText = { readonly name: string; readonly text: string };

const blockSize = 512;

/** POSIX ustar, for root alone; all of it is text, so the archive is too. */
export function renderTar(files: readonly TarText[], time: Date): string {
  const seconds = Math.floor(time.getTime() / 1000);
  const parts = files.map(({ name, text }) => {
    const content = text.toWellFormed();
    const size = Buffer.byteLength(content);
    return header(name, size, seconds) + content + '\0'.repeat((blockSize - (size % blockSize)) % blockSize);
  });
  return `${parts.join('')}${'\0'.repeat(2 * blockSize)}`;
}

function header(name: string, size: number, seconds: number): string {
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  const build = (checksum: string): string =>
    [
      ...[name.padEnd(100, '\0'), octal(0o600, 8), octal(0, 8), octal(0, 8)],
      ...[octal(size, 12), octal(seconds, 12), checksum, '0', '\0'.repeat(100), 'ustar\0', '00'],
    ]
      .join('')
      .padEnd(blockSize, '\0');
  const sum = Buffer.from(build(' '.repeat(8)), 'latin1').reduce((all, byte) => all + byte, 0);
  return build(`${sum.toString(8).padStart(6, '0')}\0 `);
}
