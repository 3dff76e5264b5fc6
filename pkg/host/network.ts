/** A UDP socket on one link, that is heard by everybody there and hears them, also before the link has an address. */
export interface BroadcastSocket extends AsyncDisposable {
  broadcast(message: Uint8Array): Promise<void>;
  /** What came, undefined where nothing did by now. */
  receive(): Promise<Uint8Array | undefined>;
}

/** Links of this machine, for where no program for them is: in an initrd. IPv4 only; what they are is read from sysfs. */
export interface Network {
  setLink(link: string, state: 'up' | 'down'): Promise<void>;
  /** In place of the address that the link has; `prefix` is its length in bits. */
  setAddress(link: string, address: string, prefix: number): Promise<void>;
  /** Where everything goes that is for no network of ours. */
  addDefaultRoute(gateway: string): Promise<void>;
  /** Sends to `to` of everybody from the port `from`. */
  openBroadcast(
    link: string,
    ports: { readonly from: number; readonly to: number },
  ): Promise<BroadcastSocket>;
}
