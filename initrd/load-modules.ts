import { isMosError } from '../pkg/errors/index.ts';
import { type Host, readText } from '../pkg/host/index.ts';
import { inInitrd } from './contents.ts';

/** Loads the modules of the initrd in their order. */
export async function loadModules(host: Host): Promise<void> {
  const order = (await readText(host, `/${inInitrd.moduleOrder}`)).trim().split('\n');
  for (const name of order)
    try {
      await host.devices.loadModule(`/${inInitrd.modules}/${name}`);
    } catch (error) {
      if (!isMosError(error, 'unsupported')) throw error; // ENODEV: a module for hardware this machine hasn't got
    }
}
