import { MosError } from '../errors/index.ts';
import type { InstallManifest, InstallTarget, ServiceName } from '../manifest/index.ts';

/** The target of a manifest that was not merged into a machine. */
export function targetOf(manifest: InstallManifest, name: ServiceName, shown: string): InstallTarget {
  const target = manifest.targets.find((one) => one.service_name === name);
  if (target !== undefined) return target;
  const known = manifest.targets.map((one) => one.service_name).join(', ');
  throw new MosError('not-found', `cannot find the target ${name} in ${shown}: there are ${known}`);
}
