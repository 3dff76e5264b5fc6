import type { Host } from '../../host/index.ts';

/** FAT's own tables are less than this. */
const tableShare = 1.02;
const spare = 2 * 1024 * 1024;
const unit = 1024 * 1024;
const sector = 512;
/** Of the volume: any number that stays the same. */
const serial = '4d4f5331';

/** A FAT file system with what lies in the folder, `bytes` in all: the same files with the same times, the same bytes. */
export async function makeEspImage(host: Host, folder: string, image: string, bytes: number): Promise<void> {
  const size = Math.ceil((bytes * tableShare + spare) / unit) * unit;
  const env = { TZ: 'UTC' };
  await host.processes.run(['truncate', '--size', String(size), image]);
  const geometry = ['-T', String(size / sector), '-h', '16', '-s', '63', '-N', serial];
  await host.processes.run(['mformat', '-i', image, ...geometry, '::'], { env });
  for (const name of (await host.files.list(folder)).sort())
    await host.processes.run(['mcopy', '-i', image, '-s', '-m', `${folder}/${name}`, '::/'], { env });
}
