// The camera inside the page: a preview, a shutter. The track is stopped as soon as the picture is taken or the wish is gone.

/**
 * @param {{ box: HTMLElement, video: HTMLVideoElement, shoot: HTMLButtonElement, close: HTMLButtonElement }} parts
 * @param {(picture: Blob) => void} onPicture
 * @param {(open: boolean) => void} onToggle
 */
export function camera({ box, video, shoot, close }, onPicture, onToggle) {
  /** @type {MediaStream | null} */
  let stream = null;

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    box.hidden = true;
    onToggle(false);
  }

  close.addEventListener('click', stop);
  shoot.addEventListener('click', () => {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    if (!canvas.width) return;
    canvas.getContext('2d').drawImage(video, 0, 0);
    stop();
    canvas.toBlob((blob) => blob && onPicture(blob), 'image/png');
  });

  return {
    stop,
    /** Throws a sentence when there is no camera or no permission. */
    async open() {
      if (!navigator.mediaDevices?.getUserMedia) throw new Error('This browser gives the page no camera. Choose a picture instead.');
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1920 }, height: { ideal: 1080 } } });
      } catch (error) {
        throw new Error(error.name === 'NotAllowedError' ? 'The camera was not allowed. You can allow it in the address bar, or choose a picture.' : 'No camera could be opened. Choose a picture instead.');
      }
      box.hidden = false;
      onToggle(true);
      video.srcObject = stream;
      await video.play();
      shoot.focus();
    },
  };
}
