import { MosError } from '../../errors/index.ts';
import { folderOf, type Host, temporaryPath } from '../../host/index.ts';
import { type VerifiedEfi, verifyEfi } from './verify.ts';

export type EfiKey = { readonly key: string; readonly certificate: string };

/**
 * Signs an EFI file with sbsign, which firmware makers test against, and believes the result only when our own
 * verification does. `output` is replaced at the end, or untouched.
 */
export async function signEfi(
  host: Host,
  file: string,
  output: string,
  { key, certificate }: EfiKey,
): Promise<VerifiedEfi> {
  for (const path of [file, key, certificate])
    if ((await host.files.stat(path)) === undefined)
      throw new MosError('not-found', `cannot sign ${file}: there is no ${path}`);
  const temporary = temporaryPath(output);
  try {
    await host.processes.run(['sbsign', '--key', key, '--cert', certificate, '--output', temporary, file]);
    const signed = await verifyEfi(host, temporary, certificate);
    await syncFile(host, temporary);
    await host.files.rename(temporary, output);
    await host.files.syncFolder(folderOf(output));
    return { ...signed, file: output };
  } catch (error) {
    await host.files.remove(temporary).catch(() => {});
    throw error;
  }
}

/** sbsign doesn't. */
async function syncFile(host: Host, path: string): Promise<void> {
  const stat = await host.files.stat(path);
  await using file = await host.files.resume(path, stat?.size ?? 0);
  await file.sync();
}
