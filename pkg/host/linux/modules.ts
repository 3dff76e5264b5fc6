import { Descriptor, openFlags } from './descriptor.ts';
import { errnoError } from './errors.ts';
import { libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** linux/module.h: the kernel unpacks the file itself. */
const compressedFile = 4;

export async function loadModule(path: string, parameters = ''): Promise<void> {
  const calls = await libc();
  using file = Descriptor.open(calls, path, openFlags.read);
  const flags = path.endsWith('.ko') ? 0 : compressedFile;
  const { value, errno } = calls.call(syscalls.finit_module, file.number, parameters, flags);
  if (value < 0 && errnoName(errno) !== 'EEXIST') throw errnoError('load the module', path, errnoName(errno));
}
